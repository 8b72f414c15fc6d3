package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/operation"
)

const aboutDoctor = `Look for what keeps a server from working, or will: settings, files and their rights, disk
space, the clock, the database and its settings, certificates, ports, open files. Each line
that is not ok says what to do. Nothing is changed. It works while the server runs and while
it does not; give it the flags that the server is started with:

  ark-server doctor
  ark-server doctor --config=/etc/ark-server/config.yaml -o json

The exit code is 0 if all is well, else 1. The rows of an SQLite database are not read:
ark-server check does that.`

// diagnosis is the result of one check of doctor.
type diagnosis struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// examination collects the results of doctor.
type examination struct {
	*options
	now   time.Time
	items []diagnosis

	// running is true if the server answers. report is the server's own report, or nil if it is not
	// known.
	running bool
	url     string
	report  *operation.Report
}

func (e *examination) ok(name, format string, args ...any) {
	e.items = append(e.items, diagnosis{Name: name, OK: true, Message: fmt.Sprintf(format, args...)})
}

// bad adds a fault, and drops duplicates: a fault of a folder is found once for each file in it.
func (e *examination) bad(name, fix, format string, args ...any) {
	fault := diagnosis{Name: name, Message: fmt.Sprintf(format, args...), Fix: fix}
	if !slices.Contains(e.items, fault) {
		e.items = append(e.items, fault)
	}
}

func newDoctorCommand() *cobra.Command {
	o := newOptions()
	output, timeout := "text", time.Minute
	own := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.StringVarP(&output, "output", "o", output, "`text|json`")
		fs.DurationVar(&timeout, "timeout", timeout, "how long it may take")
	})
	return withFlags(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps a server from working, and say how to mend it",
		Long:  aboutDoctor,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			if err := checkValue("output", output, "text", "json"); err != nil {
				return usageError{err}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			items := o.examine(ctx, time.Now())
			faults := 0
			for _, item := range items {
				if !item.OK {
					faults++
				}
			}
			err := printDiagnoses(cmd.OutOrStdout(), items, faults == 0, output)
			if err == nil && faults > 0 {
				err = fmt.Errorf("%d of %d items need attention", faults, len(items))
			}
			return err
		},
	}, append([]flagGroup{own}, o.flagGroups()...)...)
}

// examine runs all checks.
func (o *options) examine(ctx context.Context, now time.Time) []diagnosis {
	e := &examination{options: o, now: now}
	if err := o.validate(); err != nil {
		e.bad("settings", "correct them: ark-server config print shows where each is from", "%s", oneLine(err))
		return e.items // the checks below would test settings that were not intended
	}
	e.ok("settings", "they fit together")
	e.server(ctx)
	e.files()
	e.space()
	e.database(ctx)
	e.certificates()
	e.ports()
	e.openFiles()
	return e.items
}

// server checks whether the server runs. A stopped server is not a fault.
func (e *examination) server(ctx context.Context) {
	url, running, report, problem := e.ask(ctx)
	e.running, e.url, e.report = running, url, report
	switch {
	case running && problem == "" && report != nil:
		e.ok("server", "%s is ready, process %d", url, report.Build.PID)
	case running && problem == "":
		e.ok("server", "%s is ready", url)
	case running:
		e.bad("server", "look at the other items, and at its log", "%s", problem)
	default:
		e.ok("server", "does not run (%s)", problem)
	}
	if report == nil {
		return
	}
	for what, outage := range map[string]operation.Outage{"writes": report.Writes, "reads": report.Reads, "writes to side tables": report.SideWrites} {
		if !outage.Working {
			e.bad("server", e.outageFix(outage.LastError), "its %s fail since %s: %s", what, outage.Since.Format(time.RFC3339), outage.LastError)
		}
	}
}

func printDiagnoses(out io.Writer, items []diagnosis, ok bool, output string) error {
	if output == "json" {
		return printJSON(out, struct {
			OK    bool        `json:"ok"`
			Items []diagnosis `json:"items"`
		}{ok, items})
	}
	var errs []error
	for _, item := range items {
		verdict := "ok   "
		if !item.OK {
			verdict = "FAULT"
		}
		_, err := fmt.Fprintf(out, "%s  %-12s %s\n", verdict, item.Name, item.Message)
		errs = append(errs, err)
		if item.Fix != "" {
			_, err = fmt.Fprintf(out, "       %-12s fix: %s\n", "", item.Fix)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

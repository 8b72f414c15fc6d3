package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

const aboutHistory = `Look after the history of a running standalone server, which it keeps with --history=on.

  ark-server history purge --uid=6f1c...   # all versions of an object
  ark-server history purge --session=s1    # all versions of a session's queries, and their messages
  ark-server history purge --user=mia      # all versions that a user has made

A purge is for good, and prints a receipt. What the log still has goes with the next compaction.

  ark-server history verify                # compare all versions with the hash chain of --history-chain
  ark-server history verify --head=HEAD    # and with a head that was kept elsewhere

A verification exits with 3 where something has been changed, and names the first of it.`

const aboutRetention = `Carry the retention policies out at once; a server does so every hour.

  ark-server retention run --dry-run -o json   # what would go
  ark-server retention run

It asks the running server, as the admin whose token is in --keys-dir.`

func newHistoryCommand() *cobra.Command {
	return parent("history", "history verify", "Look after the history", aboutHistory, newPurgeCommand(), newVerifyCommand())
}

func newRetentionCommand() *cobra.Command {
	return parent("retention", "retention run", "Carry the retention policies out", aboutRetention, newRetentionRunCommand())
}

func newPurgeCommand() *cobra.Command {
	var asked, done v1alpha1.Purge
	return maintenance{
		use: "purge --uid=UID|--session=ID|--user=NAME", short: "Remove versions from the history for good", long: aboutHistory,
		resource: "purges", what: "purge the history", asked: &asked, done: &done,
		flags: func(fs *pflag.FlagSet) {
			fs.StringVar(&asked.Spec.UID, "uid", "", "`uid` of an object, all of whose versions go")
			fs.StringVar(&asked.Spec.Session, "session", "", "`id` of a session: all versions of its queries go, and their messages in conversations")
			fs.StringVar(&asked.Spec.User, "user", "", "`name` of a user, all of whose versions go")
		},
		check: func() error {
			if !asked.Spec.One() {
				return errors.New("say what goes: --uid=UID, --session=ID or --user=NAME")
			}
			return nil
		},
		print: func(out io.Writer, output string) error { return printReport(out, done.Status, output) },
	}.command()
}

func newVerifyCommand() *cobra.Command {
	var asked, done v1alpha1.HistoryVerification
	return maintenance{
		use: "verify [--head=NUMBER:HASH]", short: "Compare the history with its hash chain", long: aboutHistory,
		resource: "historyverifications", what: "verify the history", asked: &asked, done: &done,
		flags: func(fs *pflag.FlagSet) {
			fs.StringSliceVar(&asked.Spec.Heads, "head", nil, "`NUMBER:HASH` of a head of the chain that was kept elsewhere, as the log or the audit log had it; may be given again")
		},
		check: func() error {
			for _, head := range asked.Spec.Heads {
				if _, err := history.ParseHead(head); err != nil {
					return fmt.Errorf("--head: %w", err)
				}
			}
			return nil
		},
		print: func(out io.Writer, output string) error { return printVerification(out, done.Status, output) },
	}.command()
}

func newRetentionRunCommand() *cobra.Command {
	var asked, done v1alpha1.RetentionRun
	return maintenance{
		use: "run", short: "Remove the versions that no policy keeps", long: aboutRetention,
		resource: "retentionruns", what: "carry the retention policies out", asked: &asked, done: &done,
		flags: func(fs *pflag.FlagSet) {
			fs.BoolVar(&asked.Spec.DryRun, "dry-run", false, "remove nothing, and print what would go")
		},
		print: func(out io.Writer, output string) error { return printReport(out, done.Status, output) },
	}.command()
}

// maintenance is a command that creates an object of the records group on the running server, and
// prints the answer.
type maintenance struct {
	use, short, long string
	// what is the prefix of the error if the request fails.
	resource, what string
	asked, done    any
	flags          func(*pflag.FlagSet)
	check          func() error // nil if there is no check
	print          func(out io.Writer, output string) error
}

func (m maintenance) command() *cobra.Command {
	o := newOptions()
	var output string
	flags := group(ownFlags, func(fs *pflag.FlagSet) {
		m.flags(fs)
		fs.StringVarP(&output, "output", "o", "text", "`text|json`")
	})
	return withFlags(&cobra.Command{
		Use: m.use, Short: m.short, Long: m.long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.check != nil {
				if err := m.check(); err != nil {
					return usageError{err}
				}
			}
			if err := o.maintain(cmd, output, m.resource, m.asked, m.done); err != nil {
				return fmt.Errorf("%s: %w", m.what, err)
			}
			return m.print(cmd.OutOrStdout(), output)
		},
	}, append([]flagGroup{flags}, o.serverFlags()...)...)
}

// maintain creates an object of the records group on the running server, and decodes the answer.
func (o *options) maintain(cmd *cobra.Command, output, resource string, asked, done any) error {
	if err := checkValue("output", output, "text", "json"); err != nil {
		return usageError{err}
	}
	if err := o.locate(cmd); err != nil {
		return err
	}
	if o.mode == modeAggregated {
		return usageError{fmt.Errorf("--mode=%s: ask the cluster: kubectl create --raw /apis/%s/%s -f -", o.mode, v1alpha1.SchemeGroupVersion, resource)}
	}
	s, err := o.runningServer(cmd.Context())
	if err != nil {
		return fmt.Errorf("no server answers: start it, with --history=on: %w", err)
	}
	return s.call(cmd.Context(), http.MethodPost, "/apis/"+v1alpha1.SchemeGroupVersion.String()+"/"+resource, asked, done)
}

// printVerification prints the result of a verification, and returns an error if something is
// broken.
func printVerification(out io.Writer, v *v1alpha1.HistoryVerificationStatus, output string) error {
	if v == nil {
		return errors.New("the server has sent no result")
	}
	if output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(out, "head %s, up to revision %d: %d links, %d versions as they were archived, %d removed, %d from before the chain\n",
		v.Head, v.Revision, v.Links, v.Versions, v.Removed, v.Unchained); err != nil {
		return err
	}
	if v.Intact {
		return nil
	}
	return damageError{errors.New("the history has been changed: " + v.Break)}
}

// printReport prints what was removed, or would be removed.
func printReport(out io.Writer, r *v1alpha1.RemovalReport, output string) error {
	if r == nil {
		return errors.New("the server has sent no report")
	}
	if output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	verb := "removed"
	if r.DryRun {
		verb = "would be removed"
	}
	if len(r.Removed) == 0 && r.Rows == 0 {
		_, err := fmt.Fprintf(out, "%s: of %d versions of %d objects none %s\n", r.Time.UTC().Format(time.RFC3339), r.Versions, r.Objects, verb)
		return err
	}
	if r.Rows > 0 {
		if _, err := fmt.Fprintf(out, "%s: %d rows of messages, requests and responses removed\n", r.Time.UTC().Format(time.RFC3339), r.Rows); err != nil {
			return err
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(r.Removed)) {
		if _, err := fmt.Fprintf(out, "%s: %d versions of %s %s\n", r.Time.UTC().Format(time.RFC3339), r.Removed[resource], resource, verb); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

const aboutCheck = `Look for damage in an SQLite database, also while a server runs on it. Nothing is changed.

  ark-server check --db-path=./ark.db

It reads everything: whether the files belong together and hold every write that their marks
(ark.db.mark, ark.db.keys/database.mark) remember, the structure of the file, each row against its
checksum, and the live keys against the log. What is damaged is named with its key and the remedy.

The exit code is 0 if all is well, 3 if there is damage, 1 if the check could not be made. A running
server checks the rows by itself, slowly, once a day: ark_store_damaged_rows.`

func newCheckCommand() *cobra.Command {
	o := newOptions()
	var output string
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.dbPath, "db-path", o.dbPath, "SQLite database `file` to check")
		fs.StringVar(&o.keysDir, "keys-dir", "", "`folder` of the server's keys, which remembers the database too (default the database's name with .keys added)")
		o.addConfigurationFlags(fs)
		fs.StringVarP(&output, "output", "o", "text", "`text|json`")
	})
	return withFlags(&cobra.Command{
		Use:   "check",
		Short: "Look for damage in the SQLite database, also while the server runs",
		Long:  aboutCheck,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("--output=%s: use text or json", output)}
			}
			report, err := sqlite.Check(cmd.Context(), o.dbPath, o.secondMark())
			if err != nil {
				return fmt.Errorf("--db-path=%s: %w", o.dbPath, err)
			}
			for i := range report.Findings {
				report.Findings[i].Fix = remediedFinding(report.Findings[i])
			}
			if output == "json" {
				err = printJSON(cmd.OutOrStdout(), struct {
					Path string `json:"path"`
					OK   bool   `json:"ok"`
					*sqlite.Report
				}{o.dbPath, report.OK(), report})
			} else {
				err = printCheck(cmd.OutOrStdout(), report)
			}
			if err == nil && !report.OK() {
				err = damageError{fmt.Errorf("--db-path=%s: the database is damaged, or writes are missing", o.dbPath)}
			}
			return err
		},
	}, flags)
}

func printCheck(out io.Writer, report *sqlite.Report) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(out, format+"\n", args...)
		errs = append(errs, err)
	}
	for _, f := range report.Findings {
		verdict := "ok    "
		if !f.OK {
			verdict = "DAMAGE"
		}
		line("%s  %-10s %s", verdict, f.Name, f.Message)
	}
	printed := map[string]bool{}
	for _, f := range report.Findings {
		if f.Fix != "" && !printed[f.Fix] {
			printed[f.Fix] = true
			line("fix: %s", f.Fix)
		}
	}
	return errors.Join(errs...)
}

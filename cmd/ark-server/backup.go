package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

const aboutBackup = `Copy the SQLite database into a file, while the server runs or not. The copy is the
state of one moment, checked, and complete by itself:

  ark-server backup --db-path=./ark.db --to=./ark-2026-11-25.db

The folder ark.db.keys is not in it: the certificate authority, the admin's token, and the keys without
which nobody can read the Secrets in the backup. Copy it too, or have it copied with --include-keys,
into FILE.keys; keep that in another place than the backup. PostgreSQL and MySQL have their own tools: docs/operations/backup.md.`

func newBackupCommand() *cobra.Command {
	o := newOptions()
	var to string
	var includeKeys bool
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.dbPath, "db-path", o.dbPath, "SQLite database `file` to copy")
		o.addConfigurationFlags(fs)
		fs.StringVar(&to, "to", "", "`file` to write, which must not exist yet")
		fs.BoolVar(&includeKeys, "include-keys", false, "copy the folder of the server's keys too, into one of the file's name with .keys added, which must not exist yet")
		fs.StringVar(&o.keysDir, "keys-dir", "", "`folder` of the server's keys (default the database's name with .keys added)")
	})
	return withFlags(&cobra.Command{
		Use:   "backup --to=FILE",
		Short: "Copy the SQLite database into a file, also while the server runs",
		Long:  aboutBackup,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			if to == "" {
				return usageError{fmt.Errorf("--to is missing: name the file to write, such as --to=./backup.db")}
			}
			if includeKeys {
				if err := checkKeysTarget(o.keys(), keysBeside(to)); err != nil {
					return err
				}
			}
			begin := time.Now()
			shown := newProgress(cmd.ErrOrStderr())
			st, err := sqlite.Backup(cmd.Context(), o.dbPath, to, func(n int64) { shown.show(megabytes(n) + " written") })
			shown.end()
			if err != nil {
				return fmt.Errorf("back up --db-path=%s to --to=%s: %w", o.dbPath, to, err)
			}
			size := int64(0)
			if info, err := os.Stat(to); err == nil {
				size = info.Size()
			}
			whole, err := filepath.Abs(to)
			if err != nil {
				whole = to
			}
			if err := (backupNote{At: time.Now().UTC().Truncate(time.Second), File: whole, Revision: st.Revision, Bytes: size}).write(o.keys()); err != nil {
				printWarning(cmd.ErrOrStderr(), fmt.Sprintf("status will not know of this backup: %v", err), cmd)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds revision %d of %s: %s in %s\n",
				to, st.Revision, o.dbPath, megabytes(size), time.Since(begin).Round(time.Millisecond))
			return o.backUpKeys(cmd.OutOrStdout(), to, includeKeys)
		},
	}, flags)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/server"
)

const aboutRestore = `Put an older state of the database back into service. Clients remember the revisions
(resourceVersions) that the lost state has handed out; were one handed out twice, they would take new
objects for old ones. So the restored database goes on past all of them, and clients that watched
before list again.

SQLite: put a file that ark-server backup wrote in the place of the database. Stop the server first.
The old database is moved aside, not deleted.

  ark-server restore --db-path=./ark.db --from=./backup.db

Its Secrets are encrypted: the keys of the server that wrote them must be in --keys-dir. --include-keys puts
them back from backup.db.keys.

PostgreSQL and MySQL: stop every replica, restore with the database's own tools, then move the
counter on and start them again:

  ark-server restore --storage=postgresql --db-host=... --bump-revision`

var errRestoreEtcd = errors.New("--storage=etcd: restore etcd itself, with etcdutl snapshot restore --bump-revision")

func newRestoreCommand() *cobra.Command {
	o := newOptions()
	var from string
	var bump int64
	var includeKeys bool
	own := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&from, "from", "", "`file` that ark-server backup wrote (SQLite)")
		fs.BoolVar(&includeKeys, "include-keys", false, "put back the keys too that ark-server backup --include-keys wrote; --keys-dir must not exist then")
		fs.Int64Var(&bump, "bump-revision", server.DefaultBump, "by how many `revisions` to move the counter on: more than were written since the backup")
		fs.Lookup("bump-revision").NoOptDefVal = fmt.Sprint(server.DefaultBump)
	})
	groups := append([]flagGroup{own, o.keyFlags()}, o.storageFlags()...)
	return withFlags(&cobra.Command{
		Use:   "restore [--from=FILE] [--bump-revision[=N]]",
		Short: "Put a backup back into service, past every revision handed out before",
		Long:  aboutRestore,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			var faults []error
			if bump < 1 {
				faults = append(faults, fmt.Errorf("--bump-revision=%d: use 1 or more, and more than were written since the backup", bump))
			}
			switch {
			case o.storage == storageEtcd:
				faults = append(faults, errRestoreEtcd)
			case o.onServer() && from != "":
				faults = append(faults, fmt.Errorf("--from=%s: a file is restored with the database's own tools; then run this without --from", from))
			case from == "" && !cmd.Flags().Changed("bump-revision"):
				faults = append(faults, errors.New("nothing to do: name a backup with --from, or ask for --bump-revision alone"))
			}
			if includeKeys && from == "" {
				faults = append(faults, errors.New("--include-keys: it goes with --from=FILE, the keys being in FILE.keys"))
			}
			if len(faults) > 0 {
				return usageError{errors.Join(faults...)}
			}
			if includeKeys {
				if err := restoreKeys(o.keys(), keysBeside(from)); err != nil {
					return err
				}
			}
			return restore(cmd.Context(), o, from, bump, cmd.OutOrStdout(), newProgress(cmd.ErrOrStderr()))
		},
	}, groups...)
}

func restore(ctx context.Context, o *options, from string, by int64, out io.Writer, shown *progress) error {
	if err := o.checkGivenFiles(); err != nil {
		return err
	}
	if err := o.makeDataDir(); err != nil {
		return err
	}
	if from == "" {
		admin, ok := o.data().Admin()
		if !ok {
			return errRestoreEtcd
		}
		st, err := admin.Bump(ctx, by)
		if err != nil {
			return fmt.Errorf("%s: %w", o.databaseFlag(), err)
		}
		fmt.Fprintf(out, "%s goes on after revision %d; what came before is compacted\n", o.data().Summary(), st.Revision)
		return nil
	}
	// If the backup is invalid, the restore reports it with a better error.
	if has, err := sqlite.Has(ctx, from, encryption.SecretsPrefix); err == nil && has {
		stored, err := sqlite.Value(ctx, from, encryption.CheckKey)
		if err == nil {
			err = encryption.Check(ctx, o.encryptionFile(), stored)
		}
		if err != nil {
			return fmt.Errorf("restore --from=%s: %w (--keys-dir says where it is; ark-server backup --include-keys takes it along)", from, err)
		}
	}
	var st mvcc.State
	var aside string
	err := shown.during("restoring "+o.dbPath, func() (err error) {
		st, aside, err = sqlite.Restore(ctx, from, o.dbPath, o.secondMark(), by)
		return err
	})
	if err != nil {
		return fmt.Errorf("restore --from=%s to %s: %w", from, o.databaseFlag(), err)
	}
	if aside != "" {
		fmt.Fprintf(out, "the old database is now %s\n", aside)
	}
	fmt.Fprintf(out, "%s holds what %s held, and goes on after revision %d\n", o.dbPath, from, st.Revision)
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/server"
)

const aboutMigrate = `Look at the tables in a PostgreSQL or MySQL database, or bring them up to date.

The server does that itself when it starts, unless told --db-migrate=false: then its user needs no right
to create tables, and a privileged one runs this before a new release is rolled out. Replicas of the
release before go on working on the new tables.

  ark-server migrate status --storage=postgresql --db-dsn-file=./admin.dsn
  ark-server migrate up     --storage=postgresql --db-dsn-file=./admin.dsn`

func newMigrateCommand() *cobra.Command {
	return parent("migrate", "migrate status or migrate up", "Look at the tables in a database server, or bring them up to date", aboutMigrate,
		migrateStep("status", "Say which migrations the database has had, and which are due", printStatus),
		migrateStep("up", "Carry out the migrations that are due", migrateUp),
	)
}

func migrateStep(name, short string, do func(context.Context, *options, server.Admin, io.Writer) error, more ...flagGroup) *cobra.Command {
	o := newOptions()
	return withFlags(&cobra.Command{
		Use:   name,
		Short: short,
		Long:  aboutMigrate,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.configure(cmd); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			admin, ok := o.data().Admin()
			if !ok || !o.onServer() {
				return usageError{fmt.Errorf("--storage=%s: only a database server's tables are migrated by hand: use --storage=postgresql or --storage=mysql", o.storage)}
			}
			if err := o.checkGivenFiles(); err != nil {
				return err
			}
			err := newProgress(cmd.ErrOrStderr()).during(strings.TrimPrefix(cmd.CommandPath(), "ark-server "), func() error {
				return do(cmd.Context(), o, admin, cmd.OutOrStdout())
			})
			if err != nil {
				return fmt.Errorf("%s: %w", o.databaseFlag(), err)
			}
			return nil
		},
	}, append(more, o.storageFlags()...)...)
}

func printStatus(ctx context.Context, o *options, admin server.Admin, out io.Writer) error {
	st, err := admin.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: schema version %d; this ark-server knows up to %d\n", o.data().Summary(), st.Version, st.Known)
	return report(st, out)
}

// report prints what must be done.
func report(st database.SchemaStatus, out io.Writer) error {
	if err := st.Check(); err != nil {
		return err
	}
	for i, title := range st.Pending {
		fmt.Fprintf(out, "due: %d, %s\n", st.Version+i+1, title)
	}
	if len(st.Pending) == 0 {
		fmt.Fprintln(out, "nothing is due")
	}
	return nil
}

func migrateUp(ctx context.Context, o *options, admin server.Admin, out io.Writer) error {
	before, err := admin.Migrate(ctx)
	if err != nil {
		return err
	}
	for i, title := range before.Pending {
		fmt.Fprintf(out, "done: %d, %s\n", before.Version+i+1, title)
	}
	if len(before.Pending) == 0 {
		fmt.Fprintln(out, "nothing was due")
	}
	again, err := admin.InstallViews(ctx, "")
	if err != nil {
		return fmt.Errorf("make the views again: %w", err)
	}
	if again {
		fmt.Fprintln(out, "done: the views of views install")
	}
	return nil
}

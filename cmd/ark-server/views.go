package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/server"
)

const aboutViews = `Create the SQL views in the PostgreSQL or MySQL database, for BI tools that log in there.

The views are those of docs/sql.md except revisions: on PostgreSQL in the schema ark, on MySQL
and MariaDB in the database of the tables. The role gets the right to read the views and nothing
else. If it does not exist, it is created without the right to log in. The views have the rows of
all namespaces: grant the role only to users who may read all of them. After an upgrade,
"ark-server migrate up" creates the views again.

  ark-server views install --storage=postgresql --db-dsn-file=admin.dsn
  psql -c "GRANT ark_reader TO grafana"`

// roleName matches the names that both database servers accept without surprises.
var roleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,31}$`)

func newViewsCommand() *cobra.Command {
	role := "ark_reader"
	install := migrateStep("install", "Create the views and let a role read them", func(ctx context.Context, o *options, admin server.Admin, out io.Writer) error {
		return installViews(ctx, o, admin, role, out)
	}, group("Views", func(fs *pflag.FlagSet) {
		fs.StringVar(&role, "role", role, "`name` of the role that may read the views, created if missing")
	}))
	install.Long = aboutViews
	install.PreRunE = func(*cobra.Command, []string) error {
		if !roleName.MatchString(role) {
			return usageError{fmt.Errorf("--role=%s: use up to 32 letters, digits, _ and -", role)}
		}
		return nil
	}
	return parent("views", "views install", "Create views for BI tools in a database server", aboutViews, install)
}

func installViews(ctx context.Context, o *options, admin server.Admin, role string, out io.Writer) error {
	st, err := admin.Status(ctx)
	if err != nil {
		return err
	}
	if len(st.Pending) > 0 {
		return errors.New("the tables are not those of this release: run ark-server migrate up first")
	}
	if _, err := admin.InstallViews(ctx, role); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: the role %s may read the views\n", o.data().Summary(), role)
	return nil
}

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
)

// InstallViews makes views in the database and lets a role read them and nothing else. A role that
// is missing is made. Without a role it makes the views again where there are any, and reports
// whether it did. Whoever could read the views before can read them afterwards. It may end in
// between: run it again.
func InstallViews(ctx context.Context, cfg database.Config, role string, views []database.View) (installed bool, err error) {
	err = withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) error {
		for _, v := range views {
			var kind, definition sql.NullString
			err := conn.QueryRowContext(ctx, `SELECT MAX(t.table_type), MAX(v.view_definition) FROM information_schema.tables t LEFT JOIN information_schema.views v
				ON v.table_schema=t.table_schema AND v.table_name=t.table_name WHERE t.table_schema=DATABASE() AND t.table_name=?`, v.Name).Scan(&kind, &definition)
			if err != nil {
				return fmt.Errorf("look for the view %s: %w", v.Name, err)
			}
			ours := kind.String == "VIEW" && strings.Contains(definition.String, "ark_state")
			switch {
			case kind.Valid && !ours && role != "":
				return fmt.Errorf("the database has a table %s that is another program's: the views need that name", v.Name)
			case !ours && role == "":
				return nil
			}
		}
		for _, v := range views {
			if _, err := conn.ExecContext(ctx, "CREATE OR REPLACE VIEW `"+v.Name+"` AS "+v.Select); err != nil {
				return fmt.Errorf("make the view %s: %w", v.Name, err)
			}
		}
		installed = true
		if role == "" {
			return nil
		}
		name := "'" + strings.ReplaceAll(role, "'", "''") + "'"
		var there int
		if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee IN (?, ?)", name, name+"@'%'").Scan(&there); err != nil {
			return fmt.Errorf("look for the role %s: %w", role, err)
		}
		if there == 0 {
			if _, err := conn.ExecContext(ctx, "CREATE ROLE IF NOT EXISTS "+name); err != nil {
				return fmt.Errorf("make the role %s: %w", role, err)
			}
		}
		for _, v := range views {
			if _, err := conn.ExecContext(ctx, "GRANT SELECT ON `"+v.Name+"` TO "+name); err != nil {
				return fmt.Errorf("let %s read %s: %w", role, v.Name, err)
			}
		}
		return nil
	})
	return installed, err
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/database"
)

// viewsComment marks the schema "ark" as ours.
const viewsComment = "views of ark-server"

// InstallViews makes views in the schema "ark", after the functions that they call, all or none,
// and lets a role read them and nothing else. A role that is missing is made, without the right to
// log in. Those who could read the views before can read them afterwards. Without a role it makes
// the views again where there are any, and reports whether it did.
func InstallViews(ctx context.Context, cfg database.Config, role, functions string, views []database.View) (installed bool, err error) {
	err = withSession(ctx, cfg, func(s *migrator) (err error) {
		if err := s.Begin(ctx); err != nil {
			return err
		}
		installed, err = s.installViews(ctx, role, functions, views)
		return s.End(ctx, err)
	})
	return installed && err == nil, err
}

func (s *migrator) installViews(ctx context.Context, role, functions string, views []database.View) (bool, error) {
	var comment *string
	err := s.conn.QueryRow(ctx, "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = 'ark'").Scan(&comment)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		if role == "" {
			return false, nil
		}
	case err != nil:
		return false, fmt.Errorf("look for the schema ark: %w", err)
	case *comment != viewsComment:
		if role == "" {
			return false, nil
		}
		return false, errors.New(`the database has a schema "ark" that is another program's: the views need that name`)
	}
	readers, err := s.readers(ctx)
	if err != nil {
		return false, err
	}
	statements := []string{"CREATE SCHEMA IF NOT EXISTS ark", "COMMENT ON SCHEMA ark IS '" + viewsComment + "'", functions}
	for _, v := range views {
		statements = append(statements, "DROP VIEW IF EXISTS ark."+v.Name, "CREATE VIEW ark."+v.Name+" AS "+v.Select)
	}
	if role != "" {
		var there bool
		if err := s.conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)", role).Scan(&there); err != nil {
			return false, fmt.Errorf("look for the role %s: %w", role, err)
		}
		if !there {
			statements = append(statements, "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" NOLOGIN")
		}
		if !slices.Contains(readers, role) {
			readers = append(readers, role)
		}
	}
	for _, reader := range readers {
		to := pgx.Identifier{reader}.Sanitize()
		statements = append(statements, "GRANT USAGE ON SCHEMA ark TO "+to, "GRANT SELECT ON ALL TABLES IN SCHEMA ark TO "+to)
	}
	for _, statement := range statements {
		if _, err := s.conn.Exec(ctx, statement); err != nil {
			return false, fmt.Errorf("%.60s: %w", strings.TrimSpace(statement), err)
		}
	}
	return true, nil
}

// readers are the roles that may read the views.
func (s *migrator) readers(ctx context.Context) ([]string, error) {
	rows, err := s.conn.Query(ctx, `SELECT DISTINCT r.rolname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
		WHERE n.nspname = 'ark' AND c.relkind = 'v' AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("look who may read the views: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

package postgres

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Look returns what there is to know about a database, also while servers run on it, and changes
// nothing. Its error is what would keep a start from using the database; a migration that is due
// does not.
func Look(ctx context.Context, cfg database.Config) (f database.Facts, err error) {
	err = withSession(ctx, cfg, func(s *migrator) (err error) {
		ctx, cancel := context.WithTimeout(ctx, 2*s.patience())
		defer cancel()
		columns := named.Columns{
			named.Col("'PostgreSQL ' || current_setting('server_version')", &f.Product),
			named.Col("(SELECT coalesce(sum(pg_total_relation_size(to_regclass(n))), 0)::bigint FROM unnest($1::text[]) n)", &f.Bytes),
			named.Col("clock_timestamp()", &f.Clock),
		}
		if err := s.conn.QueryRow(ctx, "SELECT "+columns.String(), ourTables).Scan(columns.Into()...); err != nil {
			return fmt.Errorf("look at the server: %w", err)
		}
		if f.Schema, err = ours.Status(ctx, s); err != nil {
			return err
		}
		if len(f.Schema.Pending) == 0 {
			var r mvcc.Reading
			if err := scanReading(s.conn.QueryRow(ctx, readQuery), &r); err != nil {
				return fmt.Errorf("read the position: %w", err)
			}
			f.Revision = r.Revision
			if err := s.conn.QueryRow(ctx, "SELECT count(*) FROM ark_lease WHERE gone IS NULL").Scan(&f.Leases); err != nil {
				return fmt.Errorf("count the leases: %w", err)
			}
			if err := s.privileged(ctx, s.conn); err != nil {
				return err
			}
		}
		connections := cfg.MaxConnections
		if connections == 0 {
			connections = defaultConnections
		}
		if err := checkCapacity(ctx, s.conn, connections); err != nil {
			return err
		}
		f.Warnings, err = durability(ctx, s.conn)
		return err
	})
	return f, err
}

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Look returns what there is to know about a database, also while servers run on it, and changes
// nothing. Its error is what would keep a start from using the database; a migration that is due
// does not. maxValue is that of Options.
func Look(ctx context.Context, cfg database.Config, maxValue int) (f database.Facts, err error) {
	c := newConnector(cfg, slog.New(slog.DiscardHandler))
	c = c.with(c.readLimit())
	db := c.pool(1)
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*c.timeout)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return f, err
	}
	defer conn.Close()
	if f, err = facts(ctx, conn); err != nil {
		return f, err
	}
	connections := cfg.MaxConnections
	if connections == 0 {
		connections = defaultConnections
	}
	vars, err := c.checkServer(ctx, conn, maxValue, connections)
	if err == nil && len(f.Schema.Pending) == 0 {
		err = checkTables(ctx, conn)
		if err == nil {
			err = checkRights(ctx, conn)
		}
	}
	if err == nil {
		f.Warnings = warnings(vars)
	}
	return f, err
}

func facts(ctx context.Context, conn *sql.Conn) (f database.Facts, err error) {
	var version string
	var now int64
	columns := named.Columns{
		named.Col("VERSION()", &version),
		named.Col("(SELECT CAST(COALESCE(SUM(data_length+index_length),0) AS SIGNED) FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name IN ("+tableList+"))", &f.Bytes),
		named.Col(nowMillis, &now),
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return f, fmt.Errorf("look at the server: %w", err)
	}
	f.Clock = time.UnixMilli(now)
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "5.5.5-"), "-")
	f.Product = "MySQL " + number
	if strings.Contains(version, "MariaDB") {
		f.Product = "MariaDB " + number
	}
	if f.Schema, err = ours.Status(ctx, &migrator{conn: conn}); err != nil || len(f.Schema.Pending) > 0 {
		return f, err
	}
	var st mvcc.State
	if err := conn.QueryRowContext(ctx, stateQuery).Scan(stateColumns(&st).Into()...); err != nil {
		return f, fmt.Errorf("read the position: %w", err)
	}
	f.Revision = st.Revision
	if err := conn.QueryRowContext(ctx, countLeasesQuery).Scan(&f.Leases); err != nil {
		return f, fmt.Errorf("count the leases: %w", err)
	}
	return f, nil
}

package engine

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's "pgx"
)

// Holding is what the transaction of another session holds.
type Holding string

const (
	// OldSnapshot stops the database from cleaning up old row versions, as a dump does.
	OldSnapshot Holding = "an old snapshot"
	// Counter blocks every writer.
	Counter Holding = "the counter"
)

// Hold keeps a transaction open for some time.
func (p Place) Hold(ctx context.Context, what Holding, d time.Duration) error {
	statements := map[string]map[Holding][]string{
		PostgreSQL: {
			OldSnapshot: {"BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM ark_log"},
			Counter:     {"BEGIN", fmt.Sprintf("SELECT pg_advisory_xact_lock((%d::bigint << 32) | 'ark_log'::regclass::oid::bigint)", 0x41524b73)},
		},
		MySQL: {
			OldSnapshot: {"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SELECT count(*) FROM ark_log"},
			Counter:     {"START TRANSACTION", "SELECT * FROM ark_counter FOR UPDATE"},
		},
	}[p.Storage][what]
	db, err := p.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	// The session may have been ended by now, by the end of its database or by a replica that waited
	// for it.
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	return nil
}

// Exec runs statements in the database.
func (p Place) Exec(ctx context.Context, statements ...string) error {
	db, err := p.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (p Place) connect() (*sql.DB, error) {
	if p.Storage == PostgreSQL {
		dsn := fmt.Sprintf("host=%s port=%d dbname=%s user=%s", p.Config.Host, p.Config.Port, p.Config.Name, p.Config.User)
		if _, err := pgx.ParseConfig(dsn); err != nil {
			return nil, err
		}
		return sql.Open("pgx", dsn)
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User = "tcp", fmt.Sprintf("%s:%d", p.Config.Host, p.Config.Port), p.Config.Name, p.Config.User
	return sql.Open("mysql", c.FormatDSN())
}

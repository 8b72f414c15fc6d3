package postgres

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

const (
	countStateQuery = "SELECT count(*) FROM ark_state"
	splitStateQuery = "SELECT created FROM ark_state ORDER BY created LIMIT 1 OFFSET $1"
	// Where most of the log is live, reading it in one go is the best plan, so the
	// planner is free to choose here. Loading may take as long as it takes, and who is
	// done with a part waits for the others.
	loadSettings = `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
		set_config('enable_seqscan', 'on', true),
		set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`
)

var loadQuery = named.Dollars("SELECT " + new(rows.Row).Columns("l").String() + `
	FROM ark_state s JOIN ark_log l ON l.id = s.id
	WHERE s.created >= :first AND s.created < :end`)

// fewKeys are not worth more than one connection.
const fewKeys = 1024

// Load implements mvcc.Engine. Some connections read a part of the keys each, all
// from the snapshot of the first; each is called from one goroutine. It
// takes as long as there are keys, so it is bounded by ctx alone.
func (e *Engine) Load(ctx context.Context, each func(*mvcc.KeyValue) error) (mvcc.State, error) {
	var st mvcc.State
	err := pgx.BeginTxFunc(ctx, e.readers, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, loadSettings); err != nil {
			return fmt.Errorf("prepare to load: %w", err)
		}
		var err error
		if st, err = state(ctx, tx); err != nil {
			return err
		}
		var want int
		if err := tx.QueryRow(ctx, countStateQuery).Scan(&want); err != nil {
			return fmt.Errorf("count the keys: %w", err)
		}
		n, err := e.loadAll(ctx, tx, want, each)
		if err == nil && n != want {
			err = fmt.Errorf("the database is damaged: %d of %d keys have no row in the log: restore a backup", want-n, want)
		}
		return err
	})
	return st, err
}

func (e *Engine) loadAll(ctx context.Context, tx pgx.Tx, want int, each func(*mvcc.KeyValue) error) (int, error) {
	parts := min(runtime.GOMAXPROCS(0), 4, int(e.readers.Config().MaxConns))
	var exported string
	if want > fewKeys && parts > 1 {
		// A server that does not export snapshots is read through one connection.
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&exported)
		})
		if err != nil && !refused(err) {
			return 0, fmt.Errorf("export the snapshot: %w", err)
		}
	}
	if exported == "" {
		parts = 1
	}
	bounds, err := rows.Bounds(want, parts, func(offset int) (at int64, err error) {
		err = tx.QueryRow(ctx, splitStateQuery, offset).Scan(&at)
		return at, err
	})
	if err != nil {
		return 0, fmt.Errorf("divide the keys: %w", err)
	}
	all := []mvcc.LoadPart{func(ctx context.Context, send func(*mvcc.KeyValue) error) error {
		return loadPart(ctx, tx, bounds[0], bounds[1], send)
	}}
	for i := 1; i < parts; i++ {
		all = append(all, func(ctx context.Context, send func(*mvcc.KeyValue) error) error {
			return pgx.BeginTxFunc(ctx, e.readers, snapshot, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, fmt.Sprintf("SET TRANSACTION SNAPSHOT '%s'", exported)); err != nil {
					return fmt.Errorf("share a snapshot: %w", err)
				}
				if _, err := tx.Exec(ctx, loadSettings); err != nil {
					return fmt.Errorf("prepare to load: %w", err)
				}
				return loadPart(ctx, tx, bounds[i], bounds[i+1], send)
			})
		})
	}
	return mvcc.LoadParts(ctx, all, each)
}

func loadPart(ctx context.Context, tx pgx.Tx, first, end int64, send func(*mvcc.KeyValue) error) error {
	found, err := tx.Query(ctx, loadQuery.Text, loadQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	defer found.Close()
	var r rows.Row
	into := r.Columns("l").Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		if err := send(r.KeyValue()); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	return nil
}

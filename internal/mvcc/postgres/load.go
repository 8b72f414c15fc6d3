package postgres

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	countStateQuery = "SELECT count(*) FROM ark_state"
	splitStateQuery = "SELECT created FROM ark_state ORDER BY created LIMIT 1 OFFSET $1"
	loadQuery       = `
		SELECT l.id, l.key, l.value, l.created, l.version, l.lease
		FROM ark_state s JOIN ark_log l ON l.id = s.id
		WHERE s.created >= $1 AND s.created < $2`
	// Where most of the log is live, reading it in one go is the best plan, so the
	// planner is free to choose here. Loading may take as long as it takes, and who is
	// done with a part waits for the others.
	loadSettings = `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
		set_config('enable_seqscan', 'on', true),
		set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`
)

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
	bounds := []int64{0}
	for i := 1; i < parts; i++ {
		var at int64
		if err := tx.QueryRow(ctx, splitStateQuery, want*i/parts).Scan(&at); err != nil {
			return 0, fmt.Errorf("divide the keys: %w", err)
		}
		bounds = append(bounds, at)
	}
	bounds = append(bounds, 1<<63-1)
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

func loadPart(ctx context.Context, tx pgx.Tx, from, to int64, send func(*mvcc.KeyValue) error) error {
	rows, err := tx.Query(ctx, loadQuery, from, to)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		kv := &mvcc.KeyValue{}
		var id, created int64
		if err := rows.Scan(&id, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease)); err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		kv.ModRevision = id / positions
		setCreated(kv, created)
		if err := send(kv); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	return nil
}

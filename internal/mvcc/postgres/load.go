package postgres

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
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

// loadChunk is how many keys are handed over at a time.
const loadChunk = 256

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
	if want > 4*loadChunk && parts > 1 {
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
	reading, ctx := errgroup.WithContext(ctx)
	chunks := make(chan []*mvcc.KeyValue)
	reading.Go(func() error { return loadPart(ctx, tx, bounds[0], bounds[1], chunks) })
	for i := 1; i < parts; i++ {
		reading.Go(func() error {
			return pgx.BeginTxFunc(ctx, e.readers, snapshot, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, fmt.Sprintf("SET TRANSACTION SNAPSHOT '%s'", exported)); err != nil {
					return fmt.Errorf("share a snapshot: %w", err)
				}
				if _, err := tx.Exec(ctx, loadSettings); err != nil {
					return fmt.Errorf("prepare to load: %w", err)
				}
				return loadPart(ctx, tx, bounds[i], bounds[i+1], chunks)
			})
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- reading.Wait()
		close(chunks)
	}()
	n := 0
	var failed error
	for chunk := range chunks {
		for _, kv := range chunk {
			if failed == nil {
				failed = each(kv)
			}
			n++
		}
	}
	if err := <-done; err != nil {
		return n, err
	}
	return n, failed
}

func loadPart(ctx context.Context, tx pgx.Tx, from, to int64, chunks chan<- []*mvcc.KeyValue) error {
	rows, err := tx.Query(ctx, loadQuery, from, to)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	defer rows.Close()
	var chunk []*mvcc.KeyValue
	send := func() error {
		select {
		case chunks <- chunk:
			chunk = make([]*mvcc.KeyValue, 0, loadChunk)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for rows.Next() {
		kv := &mvcc.KeyValue{}
		var id, created int64
		if err := rows.Scan(&id, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease)); err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		kv.ModRevision = id / positions
		setCreated(kv, created)
		if chunk = append(chunk, kv); len(chunk) >= loadChunk {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	return send()
}

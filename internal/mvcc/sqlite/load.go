package sqlite

import (
	"context"
	"fmt"
	"runtime"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

const (
	countStateQuery = "SELECT count(*) FROM state"
	splitStateQuery = "SELECT created FROM state ORDER BY created LIMIT 1 OFFSET ?"
	loadQuery       = `
		SELECT l.id >> 20, l.key, l.value, l.created, l.version, l.lease
		FROM state s CROSS JOIN log l ON l.id = s.id
		WHERE s.created >= ? AND s.created < ?`
)

// loadChunk is how many keys are handed over at a time.
const loadChunk = 256

// Load implements mvcc.Engine. A connection for each processor reads a part of
// the keys; each is called from one goroutine.
func (e *Engine) Load(ctx context.Context, each func(*mvcc.KeyValue) error) (mvcc.State, error) {
	st, err := e.State(ctx)
	if err != nil {
		return st, err
	}
	var want int
	if err := e.readers.QueryRowContext(ctx, countStateQuery).Scan(&want); err != nil {
		return st, err
	}
	bounds, err := e.split(ctx, want, min(runtime.GOMAXPROCS(0), 4))
	if err != nil {
		return st, err
	}
	reading, ctx := errgroup.WithContext(ctx)
	chunks := make(chan []*mvcc.KeyValue)
	for i, from := range bounds[:len(bounds)-1] {
		reading.Go(func() error { return e.loadPart(ctx, from, bounds[i+1], chunks) })
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
		return st, err
	}
	if failed != nil {
		return st, failed
	}
	if n != want {
		return st, fmt.Errorf("the database is damaged: %d of %d keys have no row in the log: restore a backup", want-n, want)
	}
	return st, nil
}

// split cuts the state table into parts of about equal size: part i is from
// bound i to below bound i+1.
func (e *Engine) split(ctx context.Context, keys, parts int) ([]int64, error) {
	bounds := []int64{0}
	for i := 1; i < parts && keys > loadChunk; i++ {
		var at int64
		if err := e.readers.QueryRowContext(ctx, splitStateQuery, keys*i/parts).Scan(&at); err != nil {
			return nil, err
		}
		bounds = append(bounds, at)
	}
	return append(bounds, 1<<63-1), nil
}

func (e *Engine) loadPart(ctx context.Context, from, to int64, chunks chan<- []*mvcc.KeyValue) error {
	rows, err := e.readers.QueryContext(ctx, loadQuery, from, to)
	if err != nil {
		return err
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
		var created int64
		if err := rows.Scan(&kv.ModRevision, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease)); err != nil {
			return err
		}
		setCreated(kv, created)
		if chunk = append(chunk, kv); len(chunk) >= loadChunk {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return send()
}

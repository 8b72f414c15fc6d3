package sqlite

import (
	"context"
	"fmt"
	"runtime"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	countStateQuery = "SELECT count(*) FROM state"
	splitStateQuery = "SELECT created FROM state ORDER BY created LIMIT 1 OFFSET ?"
	loadQuery       = `
		SELECT l.id >> 20, l.key, l.value, l.created, l.version, l.lease
		FROM state s CROSS JOIN log l ON l.id = s.id
		WHERE s.created >= ? AND s.created < ?`
)

// fewKeys are not worth more than one connection.
const fewKeys = 256

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
	var parts []mvcc.LoadPart
	for i, from := range bounds[:len(bounds)-1] {
		parts = append(parts, func(ctx context.Context, send func(*mvcc.KeyValue) error) error {
			return e.loadPart(ctx, from, bounds[i+1], send)
		})
	}
	n, err := mvcc.LoadParts(ctx, parts, each)
	if err != nil {
		return st, err
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
	for i := 1; i < parts && keys > fewKeys; i++ {
		var at int64
		if err := e.readers.QueryRowContext(ctx, splitStateQuery, keys*i/parts).Scan(&at); err != nil {
			return nil, err
		}
		bounds = append(bounds, at)
	}
	return append(bounds, 1<<63-1), nil
}

func (e *Engine) loadPart(ctx context.Context, from, to int64, send func(*mvcc.KeyValue) error) error {
	rows, err := e.readers.QueryContext(ctx, loadQuery, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		kv := &mvcc.KeyValue{}
		var created int64
		if err := rows.Scan(&kv.ModRevision, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease)); err != nil {
			return err
		}
		setCreated(kv, created)
		if err := send(kv); err != nil {
			return err
		}
	}
	return rows.Err()
}

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

const (
	boundsQuery = "SELECT COALESCE(MIN(created),0), COALESCE(MAX(created),0) FROM ark_state"
	loadQuery   = `SELECT s.id, l.id IS NOT NULL, l.` + "`key`" + `, l.value, s.created, l.version, l.lease
		FROM ark_state s LEFT JOIN ark_log l ON l.id=s.id WHERE s.created>=? AND s.created<?`
)

// loadChunk is how many keys are handed over at a time; loadParts how many parts the
// keys are read in, more than there are connections since they differ in size.
const (
	loadChunk = 256
	loadParts = 64
)

// Load implements mvcc.Engine. Several connections read parts of the keys, each in a
// snapshot of its own, provided that these show the same position; otherwise one
// reads them all. each is called from one goroutine.
func (e *Engine) Load(ctx context.Context, each func(*mvcc.KeyValue) error) (mvcc.State, error) {
	conns, st, err := e.snapshots(ctx, min(runtime.GOMAXPROCS(0), 4, e.loaders))
	if err != nil {
		return st, fmt.Errorf("begin to load: %w", err)
	}
	defer func() {
		for _, c := range conns {
			// Whatever state it is in: a session that loaded is seldom needed again.
			discard(c)
			c.Close()
		}
	}()
	bounds, err := split(ctx, conns[0])
	if err != nil {
		return st, fmt.Errorf("begin to load: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	reading, ctx := errgroup.WithContext(ctx)
	parts := make(chan [2]int64, len(bounds))
	for i, from := range bounds[:len(bounds)-1] {
		parts <- [2]int64{from, bounds[i+1]}
	}
	close(parts)
	chunks := make(chan []*mvcc.KeyValue)
	for _, c := range conns {
		reading.Go(func() error {
			for p := range parts {
				if err := loadPart(ctx, c, p[0], p[1], chunks); err != nil {
					return err
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- reading.Wait()
		close(chunks)
	}()
	var failed error
	for chunk := range chunks {
		for _, kv := range chunk {
			if failed == nil {
				if failed = each(kv); failed != nil {
					stop()
				}
			}
		}
	}
	err = <-done
	if failed != nil {
		return st, failed
	}
	if err != nil {
		return st, fmt.Errorf("load the keys: %w", err)
	}
	return st, nil
}

// snapshots begins up to n snapshots that show the same, at least one. What it
// returns with an error is to be closed too.
func (e *Engine) snapshots(ctx context.Context, n int) (conns []*sql.Conn, st mvcc.State, err error) {
	begin := func() (*sql.Conn, mvcc.State, error) {
		ctx, cancel := context.WithTimeout(ctx, e.timeout)
		defer cancel()
		c, err := e.readers.Conn(ctx)
		if err != nil {
			return nil, mvcc.State{}, err
		}
		st, err := snapshotState(ctx, c)
		if err != nil {
			c.Close()
			return nil, st, err
		}
		return c, st, nil
	}
	first, st, err := begin()
	if err != nil {
		return nil, st, err
	}
	conns = append(conns, first)
	for len(conns) < n {
		// Writers, if any, have seldom committed anything between two round trips.
		c, other, err := begin()
		if err != nil {
			break // the first one will do
		}
		if other.Position != st.Position {
			discard(c)
			c.Close()
			break
		}
		conns = append(conns, c)
	}
	return conns, st, nil
}

// split cuts the state table into parts: part i is from bound i to below bound i+1.
func split(ctx context.Context, conn *sql.Conn) ([]int64, error) {
	var least, most int64
	if err := conn.QueryRowContext(ctx, boundsQuery).Scan(&least, &most); err != nil {
		return nil, err
	}
	bounds := []int64{least}
	step := (most-least)/loadParts + 1
	for at := least + step; at <= most; at += step {
		bounds = append(bounds, at)
	}
	return append(bounds, most+1), nil
}

func loadPart(ctx context.Context, conn *sql.Conn, from, to int64, chunks chan<- []*mvcc.KeyValue) error {
	rows, err := conn.QueryContext(ctx, loadQuery, from, to)
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
		var id, created int64
		var there bool
		var version, lease sql.NullInt64
		if err := rows.Scan(&id, &there, &kv.Key, &kv.Value, &created, &version, &lease); err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("row %d of the log is missing, the newest of a key: the database is damaged: restore a backup", id)
		}
		kv.ModRevision, kv.Version, kv.Lease = id/positions, version.Int64, mvcc.LeaseID(lease.Int64)
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

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var loadQuery = named.Questions("SELECT " + new(loaded).columns().String() +
	" FROM ark_state s LEFT JOIN ark_log l ON l.id=s.id WHERE s.created>=:first AND s.created<:end")

// loaded is the row of a live key; its ID is 0 where it is missing.
type loaded struct {
	rows.Row
	newest int64 // its id, as the table of live keys has it
}

func (r *loaded) columns() named.Columns {
	return append(r.Columns("l").OrZero(), named.Of("s", "id", &r.newest))
}

// loadSpans is how many spans the keys are read in, more than there are connections since
// they differ in size.
const loadSpans = 64

// Load implements mvcc.Engine. Several connections read spans of the keys, each in a
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
	bounds, want, err := split(ctx, conns[0])
	if err != nil {
		return st, fmt.Errorf("begin to load: %w", err)
	}
	spans := make(chan [2]int64, len(bounds))
	for i, from := range bounds[:len(bounds)-1] {
		spans <- [2]int64{from, bounds[i+1]}
	}
	close(spans)
	var parts []mvcc.LoadPart
	for _, c := range conns {
		parts = append(parts, func(ctx context.Context, send func(*mvcc.KeyValue) error) error {
			for span := range spans {
				if err := loadSpan(ctx, c, span[0], span[1], send); err != nil {
					return fmt.Errorf("load the keys: %w", err)
				}
			}
			return nil
		})
	}
	n, err := mvcc.LoadParts(ctx, parts, each)
	if err == nil && n != want {
		err = fmt.Errorf("the server returned %d of %d keys: the load is not complete", n, want)
	}
	return st, err
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

// split cuts the state table into spans: span i is from bound i to below bound i+1. It also
// returns the number of keys in the snapshot.
func split(ctx context.Context, conn *sql.Conn) ([]int64, int, error) {
	var least, most int64
	var keys int
	bounds := named.Columns{
		named.Col("COALESCE(MIN(created),0)", &least),
		named.Col("COALESCE(MAX(created),0)", &most),
		named.Col("COUNT(*)", &keys),
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+bounds.String()+" FROM ark_state").Scan(bounds.Into()...); err != nil {
		return nil, 0, err
	}
	spans := []int64{least}
	step := (most-least)/loadSpans + 1
	for at := least + step; at <= most; at += step {
		spans = append(spans, at)
	}
	return append(spans, most+1), keys, nil
}

func loadSpan(ctx context.Context, conn *sql.Conn, first, end int64, send func(*mvcc.KeyValue) error) error {
	found, err := conn.QueryContext(ctx, loadQuery.Text, loadQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return err
	}
	defer found.Close()
	var r loaded
	into := r.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		if r.ID == 0 {
			return fmt.Errorf("row %d of the log is missing, the newest of a key: the database is damaged: restore a backup", r.newest)
		}
		if err := send(r.KeyValue()); err != nil {
			return err
		}
	}
	return found.Err()
}

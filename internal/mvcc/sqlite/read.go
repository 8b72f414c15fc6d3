package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// StoreID identifies the database: a copy of another one has that one's.
func (e *Engine) StoreID() string { return e.store.String() }

// State implements mvcc.Engine.
func (e *Engine) State(ctx context.Context) (mvcc.State, error) {
	var st mvcc.State
	tx, err := e.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return st, err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	if st, err = readState(ctx, tx); err != nil {
		return st, err
	}
	if st.Pruned > st.Compacted || st.Pruned < 0 {
		return st, &CorruptError{What: fmt.Sprintf("the database is damaged: rows are gone up to revision %d, compacted is %d: restore a backup", st.Pruned, st.Compacted)}
	}
	found, err := tx.QueryContext(ctx, leasesQuery)
	if err != nil {
		return st, err
	}
	defer found.Close()
	var l lease
	into := l.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return st, err
		}
		if l.sum != 0 && l.sum != leaseSum(l.Lease) {
			return st, &CorruptError{What: fmt.Sprintf("the database is damaged: lease %d does not match its checksum: restore a backup", l.ID)}
		}
		st.Leases = append(st.Leases, l.Lease.Lease())
	}
	return st, found.Err()
}

// Events implements mvcc.Engine. Rows that are damaged or missing end it with a
// DamageError.
func (e *Engine) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	// What is pruned or committed later does not count.
	newest := e.newest.Load()
	first, end := rows.Span(after, last)
	found, err := e.readers.QueryContext(ctx, eventsQuery.Text, eventsQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return after, err
	}
	defer found.Close()
	seen := after
	var c change
	into := c.columns().Into()
	r := mvcc.ReadCommits(after, maxBytes, each)
	for !r.Enough() && found.Next() {
		if err := found.Scan(into...); err != nil {
			return r.After(), err
		}
		ev, err := e.event(&c)
		if err == nil {
			err = e.requireDense(seen, ev.KV.ModRevision)
			seen = ev.KV.ModRevision
		}
		if err == nil {
			err = r.Add(ev, 0)
		}
		if err != nil {
			return r.After(), err
		}
	}
	if err := found.Err(); err != nil {
		return r.After(), err
	}
	if !r.Enough() {
		if err := e.requireDense(seen, min(last, newest)+1); err != nil {
			return r.After(), err
		}
	}
	return r.Finish()
}

// requireDense returns an error if rows are missing between two revisions that follow each other.
func (e *Engine) requireDense(before, next int64) error {
	// Revision 1 is that of an empty store.
	if first := max(before, e.pruned.Load(), 1) + 1; next > first && e.loaded {
		return e.damage(damagedRow{id: rows.ID(first, 0), last: next - 1})
	}
	return nil
}

// change is a row of the log with the one that it replaces, if that is there.
type change struct{ row, prev row }

func (c *change) columns() named.Columns {
	return append(c.row.columns("l"), c.prev.columns("p").Without(&c.prev.Key).OrZero()...)
}

// event returns what happened to the key, or which row is damaged or missing.
func (e *Engine) event(c *change) (mvcc.Event, error) {
	r, p := &c.row, &c.prev
	p.Key = r.Key
	switch {
	case !r.intact():
		return mvcc.Event{}, e.damage(damagedRow{id: r.ID, key: r.Key, why: "does not match its checksum"})
	case p.ID == 0 && r.Prev > e.pruned.Load() && e.loaded:
		return mvcc.Event{}, e.damage(damagedRow{id: rows.ID(r.Prev, 0), key: r.Key, why: "is missing"})
	case p.ID != 0 && !p.intact():
		return mvcc.Event{}, e.damage(damagedRow{id: p.ID, key: p.Key, why: "does not match its checksum"})
	}
	return r.Event(&p.Row), nil
}

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	stateQuery = `
		SELECT max(1, c.value, coalesce((SELECT max(id) >> 20 FROM log), 0)), c.value, p.value
		FROM meta c, meta p WHERE c.name = 'compacted' AND p.name = 'pruned'`
	eventsQuery = `
		SELECT l.id, l.key, l.value, l.created, l.version, l.lease, l.prev, l.checksum,
		       p.id, p.value, p.created, p.version, p.lease, p.prev, p.checksum
		FROM log l LEFT JOIN log p
		ON l.prev > 0 AND p.id >= l.prev << 20 AND p.id < (l.prev + 1) << 20 AND p.key = l.key
		WHERE l.id >= ? AND l.id < ? ORDER BY l.id`
)

// State implements mvcc.Engine.
func (e *Engine) State(ctx context.Context) (mvcc.State, error) {
	var st mvcc.State
	tx, err := e.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return st, err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	// Rows up to the compacted revision may have been deleted, the newest of
	// them too.
	err = tx.QueryRowContext(ctx, stateQuery).
		Scan(&st.Revision, &st.Compacted, &st.Pruned)
	if err != nil {
		return st, err
	}
	if st.Pruned > st.Compacted || st.Pruned < 0 {
		return st, &CorruptError{What: fmt.Sprintf("the database is damaged: rows are gone up to revision %d, compacted is %d: restore a backup", st.Pruned, st.Compacted)}
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, ttl, deadline, checksum FROM lease ORDER BY id")
	if err != nil {
		return st, err
	}
	defer rows.Close()
	for rows.Next() {
		var l mvcc.Lease
		var deadline, sum int64
		if err := rows.Scan((*int64)(&l.ID), &l.TTL, &deadline, &sum); err != nil {
			return st, err
		}
		if sum != 0 && sum != leaseSum(int64(l.ID), l.TTL, deadline) {
			return st, &CorruptError{What: fmt.Sprintf("the database is damaged: lease %d does not match its checksum: restore a backup", l.ID)}
		}
		l.Deadline = time.UnixMilli(deadline)
		st.Leases = append(st.Leases, l)
	}
	return st, rows.Err()
}

// Events implements mvcc.Engine. Rows that are damaged or missing end it with a
// DamageError.
func (e *Engine) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	// What is pruned or committed later does not count.
	newest := e.newest.Load()
	rows, err := e.readers.QueryContext(ctx, eventsQuery, (after+1)*positions, (last+1)*positions)
	if err != nil {
		return after, err
	}
	defer rows.Close()
	seen := after
	r := mvcc.ReadCommits(after, maxBytes, each)
	for !r.Enough() && rows.Next() {
		ev, err := e.scanEvent(rows)
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
	if err := rows.Err(); err != nil {
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
		return e.damage(damagedRow{id: first * positions, last: next - 1})
	}
	return nil
}

func (e *Engine) scanEvent(rows *sql.Rows) (mvcc.Event, error) {
	var r, p row
	var sum int64
	var prevID, prevCreated, prevVersion, prevLease, prevPrev, prevSum sql.NullInt64
	if err := rows.Scan(&r.id, &r.key, &r.value, &r.created, &r.version, &r.lease, &r.prev, &sum,
		&prevID, &p.value, &prevCreated, &prevVersion, &prevLease, &prevPrev, &prevSum); err != nil {
		return mvcc.Event{}, err
	}
	if !r.intact(sum) {
		return mvcc.Event{}, e.damage(damagedRow{id: r.id, key: r.key, why: "does not match its checksum"})
	}
	ev := mvcc.Event{KV: r.keyValue()}
	if r.version == 0 {
		ev.Type = mvcc.EventDelete
		ev.KV.CreateRevision, ev.KV.CreatePosition = 0, 0
	}
	if !prevID.Valid {
		if r.prev > e.pruned.Load() && e.loaded {
			return ev, e.damage(damagedRow{id: r.prev * positions, key: r.key, why: "is missing"})
		}
		return ev, nil
	}
	p.id, p.key, p.created, p.version = prevID.Int64, r.key, prevCreated.Int64, prevVersion.Int64
	p.lease, p.prev = prevLease.Int64, prevPrev.Int64
	if !p.intact(prevSum.Int64) {
		return ev, e.damage(damagedRow{id: p.id, key: p.key, why: "does not match its checksum"})
	}
	ev.Prev = p.keyValue()
	return ev, nil
}

// keyValue is what the row says of its key.
func (r *row) keyValue() *mvcc.KeyValue {
	return &mvcc.KeyValue{
		Key: r.key, Value: r.value, ModRevision: r.id / positions, Version: r.version, Lease: mvcc.LeaseID(r.lease),
		CreateRevision: r.created / positions, CreatePosition: int(r.created % positions),
	}
}

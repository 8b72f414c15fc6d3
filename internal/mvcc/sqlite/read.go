package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	stateQuery = `
		SELECT max(1, c.value, coalesce((SELECT max(id) >> 20 FROM log), 0)), c.value, p.value
		FROM meta c, meta p WHERE c.name = 'compacted' AND p.name = 'pruned'`
	eventsQuery = `
		SELECT l.id >> 20, l.key, l.value, l.created, l.version, l.lease,
		       p.id >> 20, p.value, p.created, p.version, p.lease
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
	rows, err := tx.QueryContext(ctx, "SELECT id, ttl, deadline FROM lease ORDER BY id")
	if err != nil {
		return st, err
	}
	defer rows.Close()
	for rows.Next() {
		var l mvcc.Lease
		var deadline int64
		if err := rows.Scan((*int64)(&l.ID), &l.TTL, &deadline); err != nil {
			return st, err
		}
		l.Deadline = time.UnixMilli(deadline)
		st.Leases = append(st.Leases, l)
	}
	return st, rows.Err()
}

// Events implements mvcc.Engine.
func (e *Engine) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	rows, err := e.readers.QueryContext(ctx, eventsQuery, (after+1)*positions, (last+1)*positions)
	if err != nil {
		return after, err
	}
	defer rows.Close()
	r := mvcc.ReadCommits(after, maxBytes, each)
	for !r.Enough() && rows.Next() {
		ev, err := scanEvent(rows)
		if err == nil {
			err = r.Add(ev)
		}
		if err != nil {
			return r.After(), err
		}
	}
	if err := rows.Err(); err != nil {
		return r.After(), err
	}
	return r.Finish()
}

func scanEvent(rows *sql.Rows) (mvcc.Event, error) {
	kv := &mvcc.KeyValue{}
	var created int64
	var prevRevision, prevCreated, prevVersion, prevLease sql.NullInt64
	var prevValue []byte
	err := rows.Scan(&kv.ModRevision, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease),
		&prevRevision, &prevValue, &prevCreated, &prevVersion, &prevLease)
	ev := mvcc.Event{KV: kv}
	if kv.Version == 0 {
		ev.Type = mvcc.EventDelete
	} else {
		setCreated(kv, created)
	}
	if prevRevision.Valid {
		ev.Prev = &mvcc.KeyValue{Key: kv.Key, Value: prevValue, ModRevision: prevRevision.Int64,
			Version: prevVersion.Int64, Lease: mvcc.LeaseID(prevLease.Int64)}
		setCreated(ev.Prev, prevCreated.Int64)
	}
	return ev, err
}

// setCreated is the inverse of createdID.
func setCreated(kv *mvcc.KeyValue, id int64) {
	kv.CreateRevision, kv.CreatePosition = id/positions, int(id%positions)
}

package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	reading = position + `, ` + change + `, ` + newestBatch + `,
		(SELECT value FROM ark_meta WHERE name = 'compacted'),
		(SELECT value FROM ark_meta WHERE name = 'pruned'),
		clock_timestamp()`
	readQuery  = "SELECT " + reading + newest
	storeQuery = "SELECT coalesce((SELECT value FROM ark_meta WHERE name = 'store'), 0)" // 0 in a schema from before
	// What is known of two points, each by its first row, and by its writer where that has gone.
	findQuery = "SELECT " + reading + `,
		coalesce((SELECT batch FROM ark_log WHERE id >= $1::bigint << 20 AND id < ($1::bigint + 1) << 20 ORDER BY id LIMIT 1), 0),
		coalesce((SELECT value FROM ark_meta WHERE name = $2::text), 0),
		coalesce((SELECT batch FROM ark_log WHERE id >= $3::bigint << 20 AND id < ($3::bigint + 1) << 20 ORDER BY id LIMIT 1), 0),
		coalesce((SELECT value FROM ark_meta WHERE name = $4::text), 0),
		(SELECT value FROM ark_meta WHERE name = 'witnessed'),
		(SELECT value FROM ark_meta WHERE name = 'unwitnessed')` + newest
	leasesQuery = "SELECT id, ttl, deadline FROM ark_lease WHERE gone IS NULL"
	// Which row a change replaces is found by a probe of its own, whatever
	// the planner believes about the log's size.
	eventsQuery = `
		SELECT l.id, l.key, l.value, l.created, l.version, l.lease, l.batch,
		       p.id, p.value, p.created, p.version, p.lease
		FROM (
			SELECT id, key, value, created, version, lease, prev, batch,
			       sum(octet_length(key) + coalesce(octet_length(value), 0)) OVER (ORDER BY id)
			       - (octet_length(key) + coalesce(octet_length(value), 0)) AS before
			FROM ark_log WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3
		) l LEFT JOIN LATERAL (
			SELECT id, value, created, version, lease FROM ark_log p
			WHERE l.prev > 0 AND p.id >= l.prev << 20 AND p.id < (l.prev + 1) << 20 AND p.key = l.key LIMIT 1
		) p ON true
		WHERE l.before < $4 ORDER BY l.id`
	leaseChangesQuery = `
		SELECT m.value, l.id, l.ttl, l.deadline, l.gone IS NOT NULL
		FROM ark_meta m LEFT JOIN LATERAL (
			SELECT id, ttl, deadline, gone FROM ark_lease
			WHERE change > CASE WHEN $1 < m.value THEN -1 ELSE $1 END
		) l ON true
		WHERE m.name = 'forgotten'`
)

func scanReading(row pgx.Row, r *mvcc.Reading, more ...any) error {
	return row.Scan(append([]any{&r.Revision, &r.Change, &r.Batch, &r.Compacted, &r.Pruned, &r.Now}, more...)...)
}

// Read implements mvcc.Shared: one round trip.
func (e *Engine) Read(ctx context.Context) (mvcc.Reading, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var r mvcc.Reading
	if err := scanReading(e.readers.QueryRow(ctx, readQuery), &r); err != nil {
		return r, fmt.Errorf("read the position: %w", err)
	}
	e.newest.Store(r.Revision + r.Change)
	return r, nil
}

// Find implements mvcc.Shared: one round trip.
func (e *Engine) Find(ctx context.Context, from, to mvcc.Point) (r mvcc.Reading, found [2]mvcc.Found, err error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var witnessed, unwitnessed int64
	row := e.readers.QueryRow(ctx, findQuery, from.Revision, writerName(from.Batch), to.Revision, writerName(to.Batch))
	if err := scanReading(row, &r, &found[0].Batch, &found[0].Writer, &found[1].Batch, &found[1].Writer, &witnessed, &unwitnessed); err != nil {
		return r, found, fmt.Errorf("read what the log holds of revisions %d and %d: %w", from.Revision, to.Revision, err)
	}
	for i, p := range []mvcc.Point{from, to} {
		found[i].Recorded = witnessed == r.Pruned && p.Revision > unwitnessed
	}
	e.newest.Store(r.Revision + r.Change)
	return r, found, nil
}

// writerName names the row of ark_meta for a batch's writer.
func writerName(batch int64) string {
	writer, _ := mvcc.WriterOf(batch)
	return fmt.Sprint("writer ", writer)
}

// State implements mvcc.Engine.
func (e *Engine) State(ctx context.Context) (mvcc.State, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var st mvcc.State
	err := pgx.BeginTxFunc(ctx, e.readers, snapshot, func(tx pgx.Tx) error {
		var err error
		st, err = state(ctx, tx)
		return err
	})
	return st, err
}

// snapshot is a transaction whose statements all see the same.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func state(ctx context.Context, tx pgx.Tx) (mvcc.State, error) {
	var r mvcc.Reading
	var st mvcc.State
	send := &pgx.Batch{}
	send.Queue(readQuery).QueryRow(func(row pgx.Row) error { return scanReading(row, &r) })
	send.Queue(storeQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&st.Store) })
	send.Queue(leasesQuery).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			l, err := scanLease(rows)
			if err != nil {
				return err
			}
			st.Leases = append(st.Leases, l)
		}
		return rows.Err()
	})
	if err := tx.SendBatch(ctx, send).Close(); err != nil {
		return st, fmt.Errorf("read the state: %w", err)
	}
	st.Position, st.Batch, st.Compacted, st.Pruned = r.Position, r.Batch, r.Compacted, r.Pruned
	return st, nil
}

func scanLease(row pgx.Row, more ...any) (mvcc.Lease, error) {
	var l mvcc.Lease
	var deadline int64
	err := row.Scan(append([]any{(*int64)(&l.ID), &l.TTL, &deadline}, more...)...)
	l.Deadline = time.UnixMilli(deadline)
	return l, err
}

// LeaseChanges implements mvcc.Shared.
func (e *Engine) LeaseChanges(ctx context.Context, after int64) (mvcc.LeaseChanges, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var lc mvcc.LeaseChanges
	rows, err := e.readers.Query(ctx, leaseChangesQuery, after)
	if err != nil {
		return lc, fmt.Errorf("read lease changes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var forgotten int64
		var id, ttl, deadline *int64
		var gone bool
		if err := rows.Scan(&forgotten, &id, &ttl, &deadline, &gone); err != nil {
			return lc, fmt.Errorf("read lease changes: %w", err)
		}
		lc.All = after < forgotten
		switch {
		case id == nil:
		case !gone:
			lc.Set = append(lc.Set, mvcc.Lease{ID: mvcc.LeaseID(*id), TTL: *ttl, Deadline: time.UnixMilli(*deadline)})
		case !lc.All:
			lc.Gone = append(lc.Gone, mvcc.LeaseID(*id))
		}
	}
	if err := rows.Err(); err != nil {
		return lc, fmt.Errorf("read lease changes: %w", err)
	}
	return lc, nil
}

// One query for events returns up to so many rows, and is not worth its while for
// fewer bytes than these.
const (
	eventsPage  = 1024
	eventsBytes = 256 << 10
)

// Events implements mvcc.Engine. It reads page by page, because a query that is
// given up sends the rest of its rows all the same.
func (e *Engine) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	// One connection, so that all of it is of one server's log.
	conn, err := e.readers.Acquire(ctx)
	if err != nil {
		return after, fmt.Errorf("read events: %w", err)
	}
	defer conn.Release()
	r := mvcc.ReadCommits(after, maxBytes, each)
	next, end := (after+1)*positions, (last+1)*positions
	for next < end && !r.Enough() {
		n, bytes := 0, 0
		limit := max(r.Left(), eventsBytes)
		rows, err := conn.Query(ctx, eventsQuery, next, end, eventsPage, limit)
		if err != nil {
			return r.After(), fmt.Errorf("read events: %w", err)
		}
		for rows.Next() {
			id, ev, batch, err := scanEvent(rows)
			if err == nil {
				next = id + 1
				n++
				bytes += len(ev.KV.Key) + len(ev.KV.Value)
				err = r.Add(ev, batch)
			}
			if err != nil {
				rows.Close()
				return r.After(), err
			}
		}
		if err := rows.Err(); err != nil {
			return r.After(), fmt.Errorf("read events: %w", err)
		}
		if n < eventsPage && bytes < limit {
			break // there is no more
		}
	}
	return r.Finish()
}

func scanEvent(row pgx.Row) (id int64, ev mvcc.Event, batch int64, err error) {
	kv := &mvcc.KeyValue{}
	var created int64
	var prevID, prevCreated, prevVersion, prevLease *int64
	var prevValue []byte
	if err := row.Scan(&id, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease), &batch,
		&prevID, &prevValue, &prevCreated, &prevVersion, &prevLease); err != nil {
		return 0, ev, 0, fmt.Errorf("read an event: %w", err)
	}
	kv.ModRevision = id / positions
	ev.KV = kv
	if kv.Version == 0 {
		ev.Type = mvcc.EventDelete
	} else {
		setCreated(kv, created)
	}
	if prevID != nil {
		ev.Prev = &mvcc.KeyValue{Key: kv.Key, Value: prevValue, ModRevision: *prevID / positions,
			Version: *prevVersion, Lease: mvcc.LeaseID(*prevLease)}
		setCreated(ev.Prev, *prevCreated)
	}
	return id, ev, batch, nil
}

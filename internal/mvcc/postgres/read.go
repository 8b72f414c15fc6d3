package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	readQuery  = "SELECT " + named.Columns(noReading[:]).String() + newest
	noReading  = readingColumns(&mvcc.Reading{})
	storeQuery = "SELECT coalesce(" + meta("store") + ", 0)" // 0 in a schema from before

	// What is known of two points, each by its first row, and by its writer where that has gone.
	findQuery              = named.Dollars("SELECT " + new(finding).columns().String() + newest)
	fromBatch, fromWriter  = firstBatch(":from"), writer(":from_writer")
	toBatch, toWriter      = firstBatch(":to"), writer(":to_writer")
	witnessed, unwitnessed = meta("witnessed"), meta("unwitnessed")

	leasesQuery = "SELECT " + new(rows.Lease).Columns("l").String() + " FROM ark_lease l WHERE l.gone IS NULL"

	// Which row a change replaces is found by a probe of its own, whatever
	// the planner believes about the log's size.
	eventsQuery = named.Dollars("SELECT " + new(event).columns().String() + `
		FROM (
			SELECT id, key, value, created, version, lease, prev, batch,
			       sum(octet_length(key) + coalesce(octet_length(value), 0)) OVER (ORDER BY id)
			       - (octet_length(key) + coalesce(octet_length(value), 0)) AS before
			FROM ark_log WHERE id >= :first AND id < :end ORDER BY id LIMIT :most
		) l LEFT JOIN LATERAL (
			SELECT id, value, created, version, lease FROM ark_log p
			WHERE l.prev > 0 AND ` + rows.InRevision("p.id", "l.prev") + ` AND p.key = l.key LIMIT 1
		) p ON true
		WHERE l.before < :bytes ORDER BY l.id`)

	leaseChangesQuery = named.Dollars("SELECT " + new(leaseChange).columns().String() + `
		FROM ark_meta m LEFT JOIN LATERAL (
			SELECT id, ttl, deadline, gone FROM ark_lease
			WHERE change > CASE WHEN :after < m.value THEN -1 ELSE :after END
		) l ON true
		WHERE m.name = 'forgotten'`)
)

// readingColumns is an array because it need not be allocated for each look at the counter.
func readingColumns(r *mvcc.Reading) [6]named.Column {
	return [...]named.Column{
		named.Col(position, &r.Revision),
		named.Col(change, &r.Change),
		named.Col(newestBatch, &r.Batch),
		named.Col(compacted, &r.Compacted),
		named.Col(pruned, &r.Pruned),
		named.Col("clock_timestamp()", &r.Now),
	}
}

func scanReading(row pgx.Row, r *mvcc.Reading) error {
	columns := readingColumns(r)
	return row.Scan(named.Columns(columns[:]).Into()...)
}

// finding is a reading with what the database holds of two points.
type finding struct {
	mvcc.Reading
	rows.Witnesses
	from, to mvcc.Found
}

func (f *finding) columns() named.Columns {
	reading := readingColumns(&f.Reading)
	return append(reading[:],
		named.Col(fromBatch, &f.from.Batch),
		named.Col(fromWriter, &f.from.Writer),
		named.Col(toBatch, &f.to.Batch),
		named.Col(toWriter, &f.to.Writer),
		named.Col(witnessed, &f.Witnessed),
		named.Col(unwitnessed, &f.Unwitnessed))
}

// firstBatch is that of a revision's first row, 0 where it has none.
func firstBatch(revision string) string {
	return "coalesce((SELECT batch FROM ark_log WHERE " + rows.InRevision("id", revision+"::bigint") + " ORDER BY id LIMIT 1), 0)"
}

// writer is the newest batch of one, 0 where none is recorded; name is the row of ark_meta.
func writer(name string) string {
	return "coalesce((SELECT value FROM ark_meta WHERE name = " + name + "::text), 0)"
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
	args := findQuery.Args(named.Arg("from", from.Revision), named.Arg("from_writer", writerName(from.Batch)),
		named.Arg("to", to.Revision), named.Arg("to_writer", writerName(to.Batch)))
	var f finding
	if err := e.readers.QueryRow(ctx, findQuery.Text, args...).Scan(f.columns().Into()...); err != nil {
		return r, found, fmt.Errorf("read what the log holds of revisions %d and %d: %w", from.Revision, to.Revision, err)
	}
	f.from.Recorded, f.to.Recorded = f.Recorded(f.Reading, from), f.Recorded(f.Reading, to)
	e.newest.Store(f.Revision + f.Change)
	return f.Reading, [...]mvcc.Found{f.from, f.to}, nil
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
	send.Queue(leasesQuery).Query(func(found pgx.Rows) error {
		var l rows.Lease
		_, err := pgx.ForEachRow(found, l.Columns("l").Into(), func() error {
			st.Leases = append(st.Leases, l.Lease())
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, send).Close(); err != nil {
		return st, fmt.Errorf("read the state: %w", err)
	}
	st.Position, st.Batch, st.Compacted, st.Pruned = r.Position, r.Batch, r.Compacted, r.Pruned
	return st, nil
}

// leaseChange is a lease that has changed, or has ended; its ID is 0 where there is none.
type leaseChange struct {
	rows.Lease
	gone      bool
	forgotten int64 // ended leases are deleted up to this change
}

func (l *leaseChange) columns() named.Columns {
	return append(l.Columns("l").OrZero(), named.Col("l.gone IS NOT NULL", &l.gone), named.Of("m", "value", &l.forgotten))
}

// LeaseChanges implements mvcc.Shared.
func (e *Engine) LeaseChanges(ctx context.Context, after int64) (mvcc.LeaseChanges, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var lc mvcc.LeaseChanges
	found, err := e.readers.Query(ctx, leaseChangesQuery.Text, leaseChangesQuery.Args(named.Arg("after", after))...)
	if err != nil {
		return lc, fmt.Errorf("read lease changes: %w", err)
	}
	var l leaseChange
	_, err = pgx.ForEachRow(found, l.columns().Into(), func() error {
		lc.All = after < l.forgotten
		switch {
		case l.ID == 0:
		case !l.gone:
			lc.Set = append(lc.Set, l.Lease.Lease())
		case !lc.All:
			lc.Gone = append(lc.Gone, mvcc.LeaseID(l.ID))
		}
		return nil
	})
	if err != nil {
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
	next, end := rows.Span(after, last)
	var c event
	into := c.columns().Into()
	for next < end && !r.Enough() {
		n, bytes := 0, 0
		limit := max(r.Left(), eventsBytes)
		page, err := conn.Query(ctx, eventsQuery.Text, eventsQuery.Args(named.Arg("first", next), named.Arg("end", end),
			named.Arg("most", eventsPage), named.Arg("bytes", limit))...)
		if err != nil {
			return r.After(), fmt.Errorf("read events: %w", err)
		}
		for page.Next() {
			err := page.Scan(into...)
			if err != nil {
				err = fmt.Errorf("read an event: %w", err)
			} else {
				next = c.ID + 1
				n++
				bytes += len(c.Key) + len(c.Value)
				err = r.Add(c.Event(&c.prev), c.batch)
			}
			if err != nil {
				page.Close()
				return r.After(), err
			}
		}
		if err := page.Err(); err != nil {
			return r.After(), fmt.Errorf("read events: %w", err)
		}
		if n < eventsPage && bytes < limit {
			break // there is no more
		}
	}
	return r.Finish()
}

// event is a row of the log with the one that it replaces, if that is there.
type event struct {
	rows.Row
	batch int64
	prev  rows.Row
}

func (e *event) columns() named.Columns {
	return append(append(e.Columns("l"), named.Of("l", "batch", &e.batch)), e.prev.Columns("p").Without(&e.prev.Key).OrZero()...)
}

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// A server that takes no writes may be behind the one that does.
	reading = `c.revision, c.changes, ` + newestBatch + `, c.compacted, p.pruned, ` + nowMicros + `,
		@@global.read_only, @@global.innodb_read_only`
	readFrom  = " FROM ark_counter c JOIN ark_pruning p ON p.one=1 WHERE c.one=1"
	readQuery = "SELECT " + reading + readFrom
	// newestBatch wrote the counter's revision: 0 where that has no row, as when the counter was
	// moved on by hand.
	newestBatch = "COALESCE((SELECT batch FROM ark_log WHERE id>=c.revision<<20 ORDER BY id LIMIT 1),0)"
	// What is known of two points, each by its first row, and by its writer where that has gone.
	findQuery = "SELECT " + reading + `,
		COALESCE((SELECT batch FROM ark_log WHERE id>=? AND id<? ORDER BY id LIMIT 1),0),
		COALESCE((SELECT batch FROM ark_writer WHERE writer=?),0),
		COALESCE((SELECT batch FROM ark_log WHERE id>=? AND id<? ORDER BY id LIMIT 1),0),
		COALESCE((SELECT batch FROM ark_writer WHERE writer=?),0),
		p.witnessed, p.unwitnessed` + readFrom
	stateQuery        = "SELECT c.revision, c.changes, " + newestBatch + ", c.store, c.compacted, p.pruned" + readFrom
	leasesQuery       = "SELECT id, ttl, deadline FROM ark_lease WHERE gone=0"
	countLeasesQuery  = "SELECT COUNT(*) FROM ark_lease WHERE gone=0"
	leaseChangesQuery = "SELECT id, ttl, deadline, gone FROM ark_lease FORCE INDEX (changes) WHERE gone IN (0,1) AND changed>?"
	forgottenQuery    = "SELECT forgotten FROM ark_pruning WHERE one=1"
	pollQuery         = "SELECT revision, changes FROM ark_counter WHERE one=1"
	sizeQuery         = `SELECT COALESCE(SUM(data_length+index_length),0) FROM information_schema.tables
		WHERE table_schema=DATABASE() AND LEFT(table_name,4)='ark_'`
	// beginSnapshot makes everything up to the next COMMIT read one state of the database.
	beginSnapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT"
)

// Read implements mvcc.Shared.
func (e *Engine) Read(ctx context.Context) (mvcc.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var r mvcc.Reading
	conn, err := e.looks.Conn(ctx)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if err := scanReading(conn.QueryRowContext(ctx, readQuery), &r); err != nil {
		e.suspect(conn, err)
		return r, fmt.Errorf("read the revision counter: %w", err)
	}
	return r, nil
}

// scanReading reads the columns of reading, and more.
func scanReading(row *sql.Row, r *mvcc.Reading, more ...any) error {
	var now int64
	var readOnly, innodbReadOnly string
	into := []any{&r.Revision, &r.Change, &r.Batch, &r.Compacted, &r.Pruned, &now, &readOnly, &innodbReadOnly}
	if err := row.Scan(append(into, more...)...); err != nil {
		return err
	}
	r.Now = time.UnixMicro(now)
	if isOn(readOnly) || isOn(innodbReadOnly) {
		return errReplica
	}
	return nil
}

// Find implements mvcc.Shared.
func (e *Engine) Find(ctx context.Context, from, to mvcc.Point) (r mvcc.Reading, found [2]mvcc.Found, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.looks.Conn(ctx)
	if err != nil {
		return r, found, err
	}
	defer conn.Close()
	points := [2]mvcc.Point{from, to}
	var args []any
	for _, p := range points {
		writer, _ := mvcc.WriterOf(p.Batch)
		args = append(args, p.Revision*positions, (p.Revision+1)*positions, writer)
	}
	var witnessed, unwitnessed int64
	if err := scanReading(conn.QueryRowContext(ctx, findQuery, args...), &r,
		&found[0].Batch, &found[0].Writer, &found[1].Batch, &found[1].Writer, &witnessed, &unwitnessed); err != nil {
		e.suspect(conn, err)
		return r, found, fmt.Errorf("read what the log holds of revisions %d and %d: %w", from.Revision, to.Revision, err)
	}
	for i, p := range points {
		found[i].Recorded = witnessed == r.Pruned && p.Revision > unwitnessed
	}
	return r, found, nil
}

// isOn reads a system variable. Newer servers name degrees of read-only.
func isOn(v string) bool { return v != "0" && v != "OFF" }

// suspect discards a connection that has led to a server which takes no writes.
// The driver itself has seen to broken ones.
func (e *Engine) suspect(conn *sql.Conn, err error) {
	if isReadOnly(err) {
		discard(conn)
	}
}

// State implements mvcc.Engine.
func (e *Engine) State(ctx context.Context) (mvcc.State, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.looks.Conn(ctx)
	if err != nil {
		return mvcc.State{}, err
	}
	defer conn.Close()
	st, err := snapshotState(ctx, conn)
	if err != nil {
		return st, fmt.Errorf("read the state: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		discard(conn)
	}
	return st, nil
}

// snapshotState begins a snapshot on the connection and reads the state in it. If it
// fails, the connection is discarded.
func snapshotState(ctx context.Context, conn *sql.Conn) (st mvcc.State, err error) {
	defer func() {
		if err != nil {
			discard(conn)
		}
	}()
	rows, err := conn.QueryContext(ctx, beginSnapshot+"; "+stateQuery+"; "+countLeasesQuery+"; "+leasesQuery)
	if err != nil {
		return st, err
	}
	defer rows.Close()
	if !rows.Next() {
		return st, errors.Join(rows.Err(), errNoRow)
	}
	if err := rows.Scan(&st.Revision, &st.Change, &st.Batch, &st.Store, &st.Compacted, &st.Pruned); err != nil {
		return st, err
	}
	var leases int
	if !rows.NextResultSet() || !rows.Next() {
		return st, errors.Join(rows.Err(), errors.New("the answer ends early"))
	}
	if err := rows.Scan(&leases); err != nil {
		return st, err
	}
	if !rows.NextResultSet() {
		return st, errors.Join(rows.Err(), errors.New("the answer ends early"))
	}
	for rows.Next() {
		var l mvcc.Lease
		var deadline int64
		if err := rows.Scan((*int64)(&l.ID), &l.TTL, &deadline); err != nil {
			return st, err
		}
		l.Deadline = time.UnixMilli(deadline)
		st.Leases = append(st.Leases, l)
	}
	if err := rows.Err(); err != nil {
		return st, err
	}
	if len(st.Leases) != leases {
		return st, fmt.Errorf("the server returned %d of %d leases: the load is not complete", len(st.Leases), leases)
	}
	return st, nil
}

// LeaseChanges implements mvcc.Shared.
func (e *Engine) LeaseChanges(ctx context.Context, after int64) (mvcc.LeaseChanges, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	lc, err := e.leaseChanges(ctx, after)
	if err != nil {
		return lc, fmt.Errorf("read the leases changed after change %d: %w", after, err)
	}
	// What says that leases have gone is forgotten at some time. Were it so before
	// the rows were read, it shows by now.
	var forgotten int64
	if err := e.looks.QueryRowContext(ctx, forgottenQuery).Scan(&forgotten); err != nil {
		return lc, fmt.Errorf("read which leases have been forgotten: %w", err)
	}
	if after >= forgotten {
		return lc, nil
	}
	if lc, err = e.leaseChanges(ctx, -1); err != nil {
		return lc, fmt.Errorf("read the leases: %w", err)
	}
	lc.All, lc.Gone = true, nil
	return lc, nil
}

func (e *Engine) leaseChanges(ctx context.Context, after int64) (lc mvcc.LeaseChanges, err error) {
	rows, err := e.looks.QueryContext(ctx, leaseChangesQuery, after)
	if err != nil {
		return lc, err
	}
	defer rows.Close()
	for rows.Next() {
		var l mvcc.Lease
		var deadline int64
		var gone bool
		if err := rows.Scan((*int64)(&l.ID), &l.TTL, &deadline, &gone); err != nil {
			return lc, err
		}
		l.Deadline = time.UnixMilli(deadline)
		if gone {
			lc.Gone = append(lc.Gone, l.ID)
		} else {
			lc.Set = append(lc.Set, l)
		}
	}
	return lc, rows.Err()
}

// Size implements mvcc.Engine.
func (e *Engine) Size(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var n int64
	if err := e.looks.QueryRowContext(ctx, sizeQuery).Scan(&n); err != nil {
		return 0, fmt.Errorf("measure the database: %w", err)
	}
	return n, nil
}

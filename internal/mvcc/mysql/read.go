package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	readFrom  = " FROM ark_counter c JOIN ark_pruning p ON p.one=1 WHERE c.one=1"
	readQuery = "SELECT " + new(reading).columns().String() + readFrom
	// newestBatch wrote the counter's revision: 0 where that has no row, as when the counter was
	// moved on by hand.
	newestBatch = "COALESCE((SELECT batch FROM ark_log WHERE id>=" + rows.FirstID("c.revision") + " ORDER BY id LIMIT 1),0)"

	// What is known of two points, each by its first row, and by its writer where that has gone.
	findQuery             = named.Questions("SELECT " + new(finding).columns().String() + readFrom)
	fromBatch, fromWriter = firstBatch(":from"), newestOf(":from_writer")
	toBatch, toWriter     = firstBatch(":to"), newestOf(":to_writer")

	stateQuery        = "SELECT " + stateColumns(&mvcc.State{}).String() + readFrom
	leasesQuery       = "SELECT " + new(rows.Lease).Columns("l").String() + " FROM ark_lease l WHERE l.gone=0"
	countLeasesQuery  = "SELECT COUNT(*) FROM ark_lease WHERE gone=0"
	leaseChangesQuery = named.Questions("SELECT " + new(leaseChange).columns().String() + " FROM ark_lease l FORCE INDEX (changes) WHERE l.gone IN (0,1) AND l.changed>:after")
	forgottenQuery    = "SELECT forgotten FROM ark_pruning WHERE one=1"
	pollQuery         = "SELECT " + positionColumns(&mvcc.Position{}).String() + " FROM ark_counter c WHERE c.one=1"
	sizeQuery         = "SELECT " + sizeColumns(&mvcc.Size{}).String() + ` FROM information_schema.tables
		WHERE table_schema=DATABASE() AND LEFT(table_name,4)='ark_'`
	// beginSnapshot makes everything up to the next COMMIT read one state of the database.
	beginSnapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT"
)

func sizeColumns(s *mvcc.Size) named.Columns {
	return named.Columns{
		named.Col("COALESCE(SUM(data_length+index_length),0)", &s.Total),
		named.Col("COALESCE(SUM(IF(LEFT(table_name,8)='ark_side',data_length+index_length,0)),0)", &s.Side),
	}
}

func positionColumns(p *mvcc.Position) named.Columns {
	return named.Columns{named.Of("c", "revision", &p.Revision), named.Of("c", "changes", &p.Change)}
}

// reading is what is read of the counter. A server that takes no writes may be behind the one that
// does.
type reading struct {
	mvcc.Reading
	now                      int64 // microseconds since 1970
	readOnly, innodbReadOnly string
}

func (r *reading) columns() named.Columns {
	return append(positionColumns(&r.Position),
		named.Col(newestBatch, &r.Batch),
		named.Of("c", "compacted", &r.Compacted),
		named.Of("p", "pruned", &r.Pruned),
		named.Col(nowMicros, &r.now),
		named.Col("@@global.read_only", &r.readOnly),
		named.Col("@@global.innodb_read_only", &r.innodbReadOnly))
}

// finding is a reading with what the database holds of two points.
type finding struct {
	reading
	rows.Witnesses
	from, to mvcc.Found
}

func (f *finding) columns() named.Columns {
	return append(f.reading.columns(),
		named.Col(fromBatch, &f.from.Batch),
		named.Col(fromWriter, &f.from.Writer),
		named.Col(toBatch, &f.to.Batch),
		named.Col(toWriter, &f.to.Writer),
		named.Of("p", "witnessed", &f.Witnessed),
		named.Of("p", "unwitnessed", &f.Unwitnessed))
}

// firstBatch is that of a revision's first row, 0 where it has none.
func firstBatch(revision string) string {
	return "COALESCE((SELECT batch FROM ark_log WHERE " + rows.InRevision("id", revision) + " ORDER BY id LIMIT 1),0)"
}

// newestOf is the newest batch of a writer, 0 where none is recorded.
func newestOf(writer string) string {
	return "COALESCE((SELECT batch FROM ark_writer WHERE writer=" + writer + "),0)"
}

// stateColumns are those of a state, but for the leases.
func stateColumns(st *mvcc.State) named.Columns {
	return append(positionColumns(&st.Position),
		named.Col(newestBatch, &st.Batch),
		named.Of("c", "store", &st.Store),
		named.Of("c", "compacted", &st.Compacted),
		named.Of("p", "pruned", &st.Pruned))
}

// Read implements mvcc.Shared.
func (e *Engine) Read(ctx context.Context) (mvcc.Reading, error) {
	var r reading
	if err := e.look(ctx, &r, readQuery, r.columns().Into()); err != nil {
		return mvcc.Reading{}, fmt.Errorf("read the revision counter: %w", err)
	}
	return r.Reading, nil
}

// Find implements mvcc.Shared.
func (e *Engine) Find(ctx context.Context, from, to mvcc.Point) (mvcc.Reading, [2]mvcc.Found, error) {
	fromWriter, _ := mvcc.WriterOf(from.Batch)
	toWriter, _ := mvcc.WriterOf(to.Batch)
	args := findQuery.Args(named.Arg("from", from.Revision), named.Arg("from_writer", fromWriter),
		named.Arg("to", to.Revision), named.Arg("to_writer", toWriter))
	var f finding
	if err := e.look(ctx, &f.reading, findQuery.Text, f.columns().Into(), args...); err != nil {
		return mvcc.Reading{}, [2]mvcc.Found{}, fmt.Errorf("read what the log holds of revisions %d and %d: %w", from.Revision, to.Revision, err)
	}
	f.from.Recorded, f.to.Recorded = f.Recorded(f.Reading, from), f.Recorded(f.Reading, to)
	return f.Reading, [...]mvcc.Found{f.from, f.to}, nil
}

// look reads one row, which has the columns of a reading among others, from a server that takes
// writes.
func (e *Engine) look(ctx context.Context, r *reading, query string, into []any, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.looks.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.QueryRowContext(ctx, query, args...).Scan(into...)
	if err == nil && (isOn(r.readOnly) || isOn(r.innodbReadOnly)) {
		err = errReplica
	}
	if err != nil {
		e.suspect(conn, err)
		return err
	}
	r.Now = time.UnixMicro(r.now)
	return nil
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
	found, err := conn.QueryContext(ctx, beginSnapshot+"; "+stateQuery+"; "+countLeasesQuery+"; "+leasesQuery)
	if err != nil {
		return st, err
	}
	defer found.Close()
	if !found.Next() {
		return st, errors.Join(found.Err(), errNoRow)
	}
	if err := found.Scan(stateColumns(&st).Into()...); err != nil {
		return st, err
	}
	var leases int
	if !found.NextResultSet() || !found.Next() {
		return st, errors.Join(found.Err(), errors.New("the answer ends early"))
	}
	if err := found.Scan(&leases); err != nil {
		return st, err
	}
	if !found.NextResultSet() {
		return st, errors.Join(found.Err(), errors.New("the answer ends early"))
	}
	var l rows.Lease
	into := l.Columns("l").Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return st, err
		}
		st.Leases = append(st.Leases, l.Lease())
	}
	if err := found.Err(); err != nil {
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
	found, err := e.looks.QueryContext(ctx, leaseChangesQuery.Text, leaseChangesQuery.Args(named.Arg("after", after))...)
	if err != nil {
		return lc, err
	}
	defer found.Close()
	var l leaseChange
	into := l.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return lc, err
		}
		if l.gone {
			lc.Gone = append(lc.Gone, mvcc.LeaseID(l.ID))
		} else {
			lc.Set = append(lc.Set, l.Lease.Lease())
		}
	}
	return lc, found.Err()
}

// leaseChange is a lease that has changed, or has gone.
type leaseChange struct {
	rows.Lease
	gone bool
}

func (l *leaseChange) columns() named.Columns {
	return append(l.Columns("l"), named.Of("l", "gone", &l.gone))
}

// The server's clock, whatever its time zone.
const (
	nowMicros = "TIMESTAMPDIFF(MICROSECOND,'1970-01-01',UTC_TIMESTAMP(6))"
	nowMillis = nowMicros + " DIV 1000"
)

// Size implements mvcc.Engine.
func (e *Engine) Size(ctx context.Context) (mvcc.Size, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var size mvcc.Size
	if err := e.looks.QueryRowContext(ctx, sizeQuery).Scan(sizeColumns(&size).Into()...); err != nil {
		return mvcc.Size{}, fmt.Errorf("measure the database: %w", err)
	}
	return size, nil
}

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// side is what the engine knows of side tables. What has no note of its own is guarded by writing.
type side struct {
	newest int64
	tables map[string]sideTable
	// doubt says that a transaction had an unknown outcome: the above is read again.
	doubt bool
	join  joining
	// storeWaits counts the batches of the store that wait for the writer.
	storeWaits atomic.Int32
}

// now is the newest id.
func (s *side) now() int64 { return s.newest }

// sideTable is what is noted of a side table: how many rows it has, of how many bytes, and the sum
// of their digests.
type sideTable struct {
	name                string
	rows, bytes, digest int64
}

func (t *sideTable) columns() named.Columns {
	return named.Columns{named.Of("t", "name", &t.name), named.Of("t", "rows", &t.rows), named.Of("t", "bytes", &t.bytes), named.Of("t", "digest", &t.digest)}
}

// add adds a row; times is -1 for one that goes.
func (t *sideTable) add(id, checksum, bytes, times int64) {
	t.rows += times
	t.bytes += times * bytes
	t.digest += times * int64(mark.Digest(id, checksum))
}

// loadSide reads what is noted of side tables.
func (e *Engine) loadSide(ctx context.Context) (err error) {
	if e.side.newest, err = readSideNewest(ctx, e.writer); err == nil {
		e.side.tables, err = readSideTables(ctx, e.writer)
	}
	return err
}

func readSideNewest(ctx context.Context, db querier) (newest int64, err error) {
	err = db.QueryRowContext(ctx, sideNewestQuery).Scan(&newest)
	return newest, err
}

func readSideTables(ctx context.Context, db querier) (map[string]sideTable, error) {
	found, err := db.QueryContext(ctx, sideTablesQuery)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	tables := map[string]sideTable{}
	var t sideTable
	into := t.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		tables[t.name] = t
	}
	return tables, found.Err()
}

// SideCommit implements mvcc.SideEngine. Where the store writes often, the batch joins one of its
// transactions; otherwise it has one of its own.
func (e *Engine) SideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	if joined, err := e.side.join.offer(b); joined {
		return err
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.checkpointer.restart(e.writer); err != nil {
		return classify(err, false)
	}
	w := sideWrite{e: e, b: b, enough: func() bool { return e.side.storeWaits.Load() > 0 }, step: mvcc.MaxSideRows}
	err := e.withRoom(b.Shrinks(), func() error { return e.transact(ctx, "INSERT side", w.run) })
	w.ended(err)
	return err
}

// commitWithSide is Commit in one transaction with the side batch that waits, if any. joined is
// false where nothing has been written, because there is none or because they cannot be written
// together.
func (e *Engine) commitWithSide(ctx context.Context, b *mvcc.Batch) (joined bool, err error) {
	job := e.side.join.take(time.Now())
	if job == nil {
		return false, nil
	}
	if !shrinks(b) && !e.reserve.take() {
		job.done <- errAlone
		return false, nil
	}
	w := sideWrite{e: e, b: job.b, step: joinedStep}
	started := time.Now()
	defer func() { e.side.join.with(time.Since(started)) }()
	err = e.transact(ctx, "INSERT log, state, side", func() error {
		if err := e.writeBatch(b); err != nil {
			return err
		}
		begin := time.Now()
		w.enough = func() bool { return time.Since(begin) > joinBudget }
		return w.run()
	})
	if err != nil && !errors.Is(err, mvcc.ErrUnknownOutcome) {
		job.done <- errAlone // one of them is refused, and must not be the other's failure
		return false, nil
	}
	e.committed(b, err)
	w.ended(err)
	job.done <- err
	return true, err
}

// sideWrite is a transaction's part that writes side rows.
type sideWrite struct {
	e *Engine
	b *mvcc.SideBatch
	// enough ends the transaction after the present op; step is how many rows one may delete.
	enough func() bool
	step   int

	newest  int64
	tables  map[string]sideTable // those that have changed
	rows    int64
	bytes   int64
	deleted int64
}

// run carries out as many ops as there is time for.
func (w *sideWrite) run() error {
	e := w.e
	if e.side.doubt {
		if err := e.loadSide(context.Background()); err != nil {
			return fmt.Errorf("read the side tables' counters: %w", err)
		}
		e.side.doubt = false
	}
	w.newest, w.tables = e.side.newest, map[string]sideTable{}
	w.rows, w.bytes, w.deleted = 0, 0, 0
	now := time.Now()
	for i, o := range w.b.Ops {
		holds, err := w.holds(o.If)
		switch {
		case err != nil:
		case !holds:
			o.SetResult(-1)
		case o.Deletes():
			err = w.delete(o)
		default:
			o.SetResult(0)
			err = w.append(o, now)
		}
		if err != nil {
			return err
		}
		if w.enough() {
			w.b.Ops = w.b.Ops[:i+1]
			break
		}
	}
	if w.rows == 0 {
		w.newest = mvcc.SideID(w.newest, now)
	}
	w.b.Newest = w.newest
	for name, t := range w.tables {
		if err := e.putTable(name, t); err != nil {
			return err
		}
	}
	if err := e.set(metaSide, w.newest); err != nil {
		return err
	}
	return e.revokeQuiet()
}

func (e *Engine) putTable(name string, t sideTable) error {
	if _, err := e.putSideTable.exec(named.Arg("name", name), named.Arg("rows", t.rows), named.Arg("bytes", t.bytes), named.Arg("digest", t.digest)); err != nil {
		return fmt.Errorf("note the size of a side table: %w", err)
	}
	return nil
}

// table is what is noted of a table, with the changes of this transaction.
func (w *sideWrite) table(name string) sideTable {
	if t, ok := w.tables[name]; ok {
		return t
	}
	return w.e.side.tables[name]
}

// holds reports whether a condition holds; nil does.
func (w *sideWrite) holds(c *mvcc.SideNewest) (bool, error) {
	if c == nil {
		return true, nil
	}
	found, err := w.e.newestSide.query(named.Arg("table", c.Table), named.Arg("key", notNil(c.Key)))
	if err != nil {
		return false, fmt.Errorf("read the newest row of a key of the side table %s: %w", c.Table, err)
	}
	defer found.Close()
	var newest int64
	for found.Next() {
		if err := found.Scan(&newest); err != nil {
			return false, fmt.Errorf("read the newest row of a key of the side table %s: %w", c.Table, err)
		}
	}
	return newest == c.ID, found.Err()
}

func (w *sideWrite) append(o *mvcc.SideOp, now time.Time) error {
	for i := range o.Rows {
		w.newest = mvcc.SideID(w.newest, now)
		o.Rows[i].ID = w.newest
		r := sideRow{SideRow: o.Rows[i], at: o.Rows[i].Time.UnixMilli()}
		sum := r.sum()
		if _, err := w.e.appendSide.exec(named.Arg("id", r.ID), named.Arg("tbl", r.Table), named.Arg("key", notNil(r.Key)), named.Arg("at", r.at),
			named.Arg("data", notNil(r.Data)), named.Arg("checksum", sum)); err != nil {
			return fmt.Errorf("append to the side table %s: %w", r.Table, err)
		}
		t := w.table(r.Table)
		t.add(r.ID, sum, int64(len(r.Key)+len(r.Data)), 1)
		w.tables[r.Table] = t
		w.rows++
		w.bytes += int64(len(r.Key) + len(r.Data))
	}
	return nil
}

// notNil keeps empty bytes from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (w *sideWrite) delete(o *mvcc.SideOp) error {
	most := min(o.Most, w.step)
	first, end := o.Span.Bounds()
	gone, err := w.e.deleteSide[o.ByTime()].query(named.Arg("table", o.Span.Table), named.Arg("first", first), named.Arg("end", end),
		named.Arg("until", o.Until()), named.Arg("most", most))
	if err != nil {
		return fmt.Errorf("delete from the side table %s: %w", o.Span.Table, err)
	}
	defer gone.Close()
	o.SetResult(0)
	t := w.table(o.Span.Table)
	for gone.Next() {
		var id, sum, bytes int64
		if err := gone.Scan(&id, &sum, &bytes); err != nil {
			return fmt.Errorf("delete from the side table %s: %w", o.Span.Table, err)
		}
		o.Deleted++
		t.add(id, sum, bytes, -1)
	}
	if err := gone.Err(); err != nil {
		return fmt.Errorf("delete from the side table %s: %w", o.Span.Table, err)
	}
	if o.Deleted > 0 {
		w.tables[o.Span.Table] = t
	}
	w.deleted += int64(o.Deleted)
	o.More = o.Deleted == most
	return nil
}

// ended notes what became of the transaction.
func (w *sideWrite) ended(err error) {
	e := w.e
	if errors.Is(err, mvcc.ErrUnknownOutcome) {
		e.side.doubt = true
	}
	if err != nil {
		return
	}
	e.side.newest = w.newest
	maps.Copy(e.side.tables, w.tables)
	first := e.quiet
	e.quiet, e.changed = false, true
	e.marks.sideCommitted(w.newest)
	e.checkpointer.grew(sideBytes(w.rows+w.deleted, w.bytes), first)
}

// SideSettle implements mvcc.SideEngine: a transaction is there as a whole or not at all, and its
// connection has ended it.
func (e *Engine) SideSettle(ctx context.Context, b *mvcc.SideBatch) (bool, error) {
	newest, err := readSideNewest(ctx, e.readers)
	return err == nil && newest >= b.Newest, err
}

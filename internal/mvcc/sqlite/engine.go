package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Engine is an mvcc.Engine on one SQLite file.
type Engine struct {
	path     string
	log      *slog.Logger
	lock     *os.File
	writerDB *sql.DB
	readers  *sql.DB
	prepared []*sql.Stmt
	// guard reads only, and so keeps the write-ahead log as it is when the others are
	// closed; nil for a new database.
	guard *connection

	// writing is held by whoever uses the writer.
	writing sync.Mutex
	writer  *sql.Conn
	// quiet says that the file has a note that it holds everything.
	quiet  bool
	buffer []byte // for checksums

	checkpointer *checkpointer
	scrubber     *scrubber
	marks        *marks
	reserve      *reserve
	store        mark.StoreID
	// remembered are the marks found at the start, until they have been compared.
	remembered []remembered
	// loaded says that a load has found everything that there should be, changed that
	// something has been written.
	loaded, changed bool
	// newest is the newest revision known to be committed, pruned up to where rows may
	// be missing.
	newest, pruned atomic.Int64

	side side

	begin, commit, rollback              statement
	appendLog                            statement
	putState, deleteState                statement
	putLease, deleteLease                statement
	setMeta                              statement
	pruneReplaced, pruneGone             statement
	sealRow                              statement
	appendSide, putSideTable, newestSide statement
	deleteSide                           map[bool]*statement // by whether in the order of time
	pageSide                             map[bool]*sql.Stmt  // of the readers, by whether backward
}

var _ mvcc.Engine = (*Engine)(nil)

// system is how OpenTelemetry calls the database.
var system = mvcc.Attribute{Key: "db.system.name", Value: "sqlite"}

// write runs do in one transaction of the writer. The context is not handed
// to the driver: it would pay for that with every statement, and none of them
// waits for anything but the disk.
func (e *Engine) write(ctx context.Context, do func() error) error {
	return e.transact(ctx, "INSERT log, state", do)
}

// transact is write, with a name for what do does.
func (e *Engine) transact(ctx context.Context, name string, do func() error) error {
	if _, err := e.begin.exec(); err != nil {
		return classify(fmt.Errorf("begin a transaction: %w", err), false)
	}
	_, end := mvcc.StartSpan(ctx, name, system)
	err := do()
	end(err)
	if err != nil {
		_, _ = e.rollback.exec() // the first error says more
		return classify(err, false)
	}
	_, end = mvcc.StartSpan(ctx, "COMMIT", system)
	_, err = e.commit.exec()
	end(err)
	if err != nil {
		_, _ = e.rollback.exec() // fails if the commit ended the transaction
		return classify(fmt.Errorf("commit: %w", err), true)
	}
	return nil
}

// Commit implements mvcc.Engine.
func (e *Engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	e.side.storeWaits.Add(1)
	e.writing.Lock()
	e.side.storeWaits.Add(-1)
	defer e.writing.Unlock()
	if err := e.checkpointer.restart(e.writer); err != nil {
		return classify(err, false)
	}
	defer e.side.join.stored()
	if joined, err := e.commitWithSide(ctx, b); joined {
		return err
	}
	begin := time.Now()
	err := e.withRoom(shrinks(b), func() error {
		return e.write(ctx, func() error { return e.writeBatch(b) })
	})
	e.side.join.without(time.Since(begin))
	e.committed(b, err)
	return err
}

// committed notes what became of a batch.
func (e *Engine) committed(b *mvcc.Batch, err error) {
	if errors.Is(err, mvcc.ErrUnknownOutcome) {
		e.marks.doubt()
	}
	if err != nil {
		return
	}
	first := e.quiet
	e.quiet, e.changed = false, true
	if n := len(b.Commits); n > 0 {
		e.newest.Store(b.Commits[n-1].Revision)
	}
	e.marks.committed(b)
	e.checkpointer.wrote(b, e.marks.now.Keys, first)
}

// writeBatch is the transaction of a batch. The first one since everything was in
// the file revokes the note that it is.
func (e *Engine) writeBatch(b *mvcc.Batch) error {
	if err := e.revokeQuiet(); err != nil {
		return err
	}
	for _, c := range b.Commits {
		if err := e.append(c); err != nil {
			return err
		}
	}
	for _, l := range b.Leases {
		r := rows.LeaseOf(l)
		if _, err := e.putLease.exec(named.Arg("id", r.ID), named.Arg("ttl", r.TTL), named.Arg("deadline", r.Deadline), named.Arg("checksum", leaseSum(r))); err != nil {
			return fmt.Errorf("write a lease: %w", err)
		}
	}
	for _, id := range b.RevokedLeases {
		if _, err := e.deleteLease.exec(named.Arg("id", int64(id))); err != nil {
			return fmt.Errorf("delete a lease: %w", err)
		}
	}
	if b.Compacted == 0 {
		return nil
	}
	return e.set(metaCompacted, b.Compacted)
}

// set writes a number.
func (e *Engine) set(name string, value int64) error {
	if _, err := e.setMeta.exec(named.Arg("value", value), named.Arg("name", name)); err != nil {
		return fmt.Errorf("set %s to %d: %w", name, value, err)
	}
	return nil
}

// revokeQuiet is part of every transaction but that of setQuiet.
func (e *Engine) revokeQuiet() error {
	if !e.quiet {
		return nil
	}
	return e.set(metaQuiet, 0)
}

// setQuiet notes in the database that the file holds everything as soon as the
// write-ahead log has been copied. The next batch revokes that.
func (e *Engine) setQuiet() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.quiet {
		return nil
	}
	err := e.write(context.Background(), func() error { return e.set(metaQuiet, 1) })
	e.quiet = err == nil
	return err
}

// append writes the rows of a commit. It is called for each of them, and names nothing therefore:
// the values have the order of logColumns.
func (e *Engine) append(c *mvcc.Commit) error {
	w := writer{at: c.Time.UnixMilli(), actor: c.Actor}
	writerSum := w.crc(&e.buffer)
	at := any(w.at)
	var who [rows.Texts]any
	for i, t := range rows.Actor(&c.Actor) {
		who[i] = text(*t.Value)
	}
	for i := range c.Events {
		r := row{Row: rows.Of(c, i)}
		id, created := any(r.ID), any(r.Created)
		values := append(e.appendLog.values[:0], id, r.Key, r.Value, created, r.Version, r.Lease, r.Prev, at)
		values = append(values, who[:]...)
		if _, err := e.appendLog.execValues(append(values, checksum(r.dataSum(), writerSum))); err != nil {
			return fmt.Errorf("append revision %d to the log: %w", c.Revision, err)
		}
		var err error
		if c.Events[i].Type == mvcc.EventPut {
			_, err = e.putState.execValues(append(e.putState.values[:0], created, id))
		} else {
			_, err = e.deleteState.exec(named.Arg("created", r.Created))
		}
		if err != nil {
			return fmt.Errorf("write the state of revision %d: %w", c.Revision, err)
		}
	}
	return nil
}

// text is NULL where nothing is known, which takes no room.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Prune implements mvcc.Engine.
func (e *Engine) Prune(ctx context.Context, from, to int64) (int64, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	// Readers may miss rows from now on, not only once they are gone.
	before := e.pruned.Load()
	e.pruned.Store(max(before, to))
	var gone int64
	err := e.withRoom(true, func() error {
		return e.write(ctx, func() error {
			var err error
			gone, err = e.prune(from, to)
			return err
		})
	})
	if err != nil {
		if !errors.Is(err, mvcc.ErrUnknownOutcome) {
			e.pruned.Store(before)
		}
		return 0, err
	}
	e.changed = true
	e.checkpointer.changed(gone)
	return gone, nil
}

// prune is the transaction of Prune.
func (e *Engine) prune(from, to int64) (gone int64, err error) {
	first, end := rows.Span(from, to)
	for _, s := range []*statement{&e.pruneReplaced, &e.pruneGone} {
		res, err := s.exec(named.Arg("first", first), named.Arg("end", end))
		if err != nil {
			return 0, fmt.Errorf("delete rows up to revision %d: %w", to, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("count deleted rows: %w", err)
		}
		gone += n
	}
	if err := e.set(metaPruned, to); err != nil {
		return 0, err
	}
	return gone, e.revokeQuiet()
}

// Size implements mvcc.Engine.
func (e *Engine) Size(ctx context.Context) (size mvcc.Size, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(e.path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return mvcc.Size{}, fmt.Errorf("measure the database: %w", err)
		}
		if err == nil {
			size.Total += info.Size()
		}
	}
	if err := e.readers.QueryRowContext(ctx, sideBytesQuery).Scan(&size.Side); err != nil {
		return mvcc.Size{}, classify(fmt.Errorf("measure the side tables: %w", err), false)
	}
	return size, nil
}

// Close implements mvcc.Engine. The last connection to close copies the write-ahead log
// into the file; where the database has not been found to be complete, that is the
// guard, which leaves all files as they are.
func (e *Engine) Close() error {
	var errs []error
	if e.scrubber != nil {
		e.scrubber.stop()
	}
	inUse := e.loaded || e.changed
	if e.checkpointer != nil {
		e.checkpointer.halt()
		if inUse {
			errs = append(errs, e.checkpointer.settle())
		}
		errs = append(errs, e.checkpointer.close())
	}
	if e.marks != nil {
		e.marks.close()
	}
	if inUse {
		errs = append(errs, e.guard.close())
	}
	for _, stmt := range e.pageSide {
		errs = append(errs, stmt.Close())
	}
	if e.readers != nil {
		errs = append(errs, e.readers.Close())
	}
	// A connection with an open statement does not really close, and leaves the
	// write-ahead log as it is.
	for _, stmt := range e.prepared {
		errs = append(errs, stmt.Close())
	}
	if e.writer != nil {
		errs = append(errs, e.writer.Close())
	}
	if e.writerDB != nil {
		errs = append(errs, e.writerDB.Close())
	}
	if !inUse {
		errs = append(errs, e.guard.close())
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}

func isNoSpace(err error) bool {
	var se *sqlitelib.Error
	if errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_FULL {
		return true
	}
	return errors.Is(err, syscall.ENOSPC)
}

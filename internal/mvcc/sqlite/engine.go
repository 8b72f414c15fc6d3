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

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
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

	begin, commit, rollback  *sql.Stmt
	appendLog                *sql.Stmt
	putState, deleteState    *sql.Stmt
	putLease, deleteLease    *sql.Stmt
	setMeta                  *sql.Stmt
	pruneReplaced, pruneGone *sql.Stmt
	sealRow                  *sql.Stmt
}

var _ mvcc.Engine = (*Engine)(nil)

const (
	deleteStateQuery   = "DELETE FROM state WHERE created = ?"
	pruneReplacedQuery = `DELETE FROM log WHERE id IN (
		SELECT p.id FROM log l CROSS JOIN log p
		ON p.id >= l.prev << 20 AND p.id < (l.prev + 1) << 20 AND p.key = l.key
		WHERE l.id >= ? AND l.id < ? AND l.prev > 0)`
	pruneGoneQuery = "DELETE FROM log WHERE id >= ? AND id < ? AND version = 0"
)

func (e *Engine) statements(ctx context.Context) error {
	for _, s := range []struct {
		into *(*sql.Stmt)
		text string
	}{
		{&e.begin, "BEGIN IMMEDIATE"},
		{&e.commit, "COMMIT"},
		{&e.rollback, "ROLLBACK"},
		{&e.appendLog, "INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
		{&e.putState, "INSERT INTO state VALUES (?,?) ON CONFLICT (created) DO UPDATE SET id = excluded.id"},
		{&e.deleteState, deleteStateQuery},
		{&e.putLease, "INSERT INTO lease VALUES (?,?,?,?) ON CONFLICT (id) DO UPDATE SET ttl = excluded.ttl, deadline = excluded.deadline, checksum = excluded.checksum"},
		{&e.deleteLease, "DELETE FROM lease WHERE id = ?"},
		{&e.setMeta, "UPDATE meta SET value = ? WHERE name = ?"},
		{&e.pruneReplaced, pruneReplacedQuery},
		{&e.pruneGone, pruneGoneQuery},
		{&e.sealRow, sealQuery},
	} {
		stmt, err := e.writer.PrepareContext(ctx, s.text)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", s.text, err)
		}
		*s.into = stmt
		e.prepared = append(e.prepared, stmt)
	}
	return nil
}

// system is how OpenTelemetry calls the database.
var system = mvcc.Attribute{Key: "db.system.name", Value: "sqlite"}

// write runs do in one transaction of the writer. The context is not handed
// to the driver: it would pay for that with every statement, and none of them
// waits for anything but the disk.
func (e *Engine) write(ctx context.Context, do func() error) error {
	if _, err := e.begin.Exec(); err != nil {
		return classify(fmt.Errorf("begin a transaction: %w", err), false)
	}
	_, end := mvcc.StartSpan(ctx, "INSERT log, state", system)
	err := do()
	end(err)
	if err != nil {
		_, _ = e.rollback.Exec() // the first error says more
		return classify(err, false)
	}
	_, end = mvcc.StartSpan(ctx, "COMMIT", system)
	_, err = e.commit.Exec()
	end(err)
	if err != nil {
		_, _ = e.rollback.Exec() // fails if the commit ended the transaction
		return classify(fmt.Errorf("commit: %w", err), true)
	}
	return nil
}

// Commit implements mvcc.Engine.
func (e *Engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.checkpointer.restart(e.writer); err != nil {
		return classify(err, false)
	}
	err := e.withRoom(shrinks(b), func() error {
		return e.write(ctx, func() error { return e.writeBatch(b) })
	})
	if errors.Is(err, mvcc.ErrUnknownOutcome) {
		e.marks.doubt()
	}
	if err != nil {
		return err
	}
	first := e.quiet
	e.quiet, e.changed = false, true
	if n := len(b.Commits); n > 0 {
		e.newest.Store(b.Commits[n-1].Revision)
	}
	e.marks.committed(b)
	e.checkpointer.wrote(b, e.marks.now.Keys, first)
	return nil
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
		id, deadline := int64(l.ID), l.Deadline.UnixMilli()
		if _, err := e.putLease.Exec(id, l.TTL, deadline, leaseSum(id, l.TTL, deadline)); err != nil {
			return fmt.Errorf("write a lease: %w", err)
		}
	}
	for _, id := range b.RevokedLeases {
		if _, err := e.deleteLease.Exec(int64(id)); err != nil {
			return fmt.Errorf("delete a lease: %w", err)
		}
	}
	if b.Compacted == 0 {
		return nil
	}
	if _, err := e.setMeta.Exec(b.Compacted, "compacted"); err != nil {
		return fmt.Errorf("write the compacted revision: %w", err)
	}
	return nil
}

// revokeQuiet is part of every transaction but that of setQuiet.
func (e *Engine) revokeQuiet() error {
	if !e.quiet {
		return nil
	}
	if _, err := e.setMeta.Exec(0, metaQuiet); err != nil {
		return fmt.Errorf("note that the database is being written: %w", err)
	}
	return nil
}

// setQuiet notes in the database that the file holds everything as soon as the
// write-ahead log has been copied. The next batch revokes that.
func (e *Engine) setQuiet() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.quiet {
		return nil
	}
	err := e.write(context.Background(), func() error {
		_, err := e.setMeta.Exec(1, metaQuiet)
		return err
	})
	e.quiet = err == nil
	return err
}

func (e *Engine) append(c *mvcc.Commit) error {
	w := writer{at: c.Time.UnixMilli(), actor: [...]string{c.Actor.User, c.Actor.Groups, c.Actor.Impersonator,
		c.Actor.UserAgent, c.Actor.FieldManager, c.Actor.AuditID, c.Actor.Verb}}
	writerSum := w.sum(&e.buffer)
	for i, ev := range c.Events {
		id := c.Revision*positions + int64(i)
		kv := ev.KV
		prev := int64(0)
		if ev.Prev != nil {
			prev = ev.Prev.ModRevision
		}
		created := createdID(kv)
		if ev.Type == mvcc.EventDelete {
			created = createdID(ev.Prev)
		}
		r := row{id: id, key: kv.Key, value: kv.Value, created: created, version: kv.Version, lease: int64(kv.Lease), prev: prev}
		if _, err := e.appendLog.Exec(id, kv.Key, kv.Value, created, kv.Version, int64(kv.Lease), prev, w.at,
			text(c.Actor.User), text(c.Actor.Groups), text(c.Actor.Impersonator), text(c.Actor.UserAgent),
			text(c.Actor.FieldManager), text(c.Actor.AuditID), text(c.Actor.Verb), checksum(r.dataSum(), writerSum)); err != nil {
			return fmt.Errorf("append revision %d to the log: %w", c.Revision, err)
		}
		var err error
		if ev.Type == mvcc.EventPut {
			_, err = e.putState.Exec(created, id)
		} else {
			_, err = e.deleteState.Exec(created)
		}
		if err != nil {
			return fmt.Errorf("write the state of revision %d: %w", c.Revision, err)
		}
	}
	return nil
}

// createdID is the id of the row that created a key.
func createdID(kv *mvcc.KeyValue) int64 {
	return kv.CreateRevision*positions + int64(kv.CreatePosition)
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
	first, end := (from+1)*positions, (to+1)*positions
	// Readers may miss rows from now on, not only once they are gone.
	before := e.pruned.Load()
	e.pruned.Store(max(before, to))
	var gone int64
	err := e.withRoom(true, func() error {
		return e.write(ctx, func() error {
			var err error
			gone, err = e.prune(first, end, to)
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
func (e *Engine) prune(first, end, to int64) (gone int64, err error) {
	for _, stmt := range []*sql.Stmt{e.pruneReplaced, e.pruneGone} {
		res, err := stmt.Exec(first, end)
		if err != nil {
			return 0, fmt.Errorf("delete rows up to revision %d: %w", to, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("count deleted rows: %w", err)
		}
		gone += n
	}
	if _, err := e.setMeta.Exec(to, "pruned"); err != nil {
		return 0, fmt.Errorf("write the pruned revision: %w", err)
	}
	return gone, e.revokeQuiet()
}

// Size implements mvcc.Engine.
func (e *Engine) Size(context.Context) (int64, error) {
	total := int64(0)
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(e.path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("measure the database: %w", err)
		}
		if err == nil {
			total += info.Size()
		}
	}
	return total, nil
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

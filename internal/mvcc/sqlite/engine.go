package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mckinsey/ark-server/internal/mvcc"
	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Engine is an mvcc.Engine on one SQLite file.
type Engine struct {
	path     string
	lock     *os.File
	writerDB *sql.DB
	writer   *sql.Conn
	readers  *sql.DB
	folder   *folder
	prepared []*sql.Stmt

	begin, commit, rollback  *sql.Stmt
	appendLog                *sql.Stmt
	putState, deleteState    *sql.Stmt
	putLease, deleteLease    *sql.Stmt
	setMeta                  *sql.Stmt
	pruneReplaced, pruneGone *sql.Stmt
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
		{&e.appendLog, "INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
		{&e.putState, "INSERT INTO state VALUES (?,?) ON CONFLICT (created) DO UPDATE SET id = excluded.id"},
		{&e.deleteState, deleteStateQuery},
		{&e.putLease, "INSERT INTO lease VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET deadline = excluded.deadline"},
		{&e.deleteLease, "DELETE FROM lease WHERE id = ?"},
		{&e.setMeta, "UPDATE meta SET value = ? WHERE name = ?"},
		{&e.pruneReplaced, pruneReplacedQuery},
		{&e.pruneGone, pruneGoneQuery},
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
	if err := e.folder.yield(e.writer); err != nil {
		return classify(fmt.Errorf("restart the write-ahead log: %w", err), false)
	}
	err := e.write(ctx, func() error {
		for _, c := range b.Commits {
			if err := e.append(c); err != nil {
				return err
			}
		}
		for _, l := range b.Leases {
			if _, err := e.putLease.Exec(int64(l.ID), l.TTL, l.Deadline.UnixMilli()); err != nil {
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
	})
	if err == nil {
		e.folder.wrote(b)
	}
	return err
}

func (e *Engine) append(c *mvcc.Commit) error {
	at := c.Time.UnixMilli()
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
		if _, err := e.appendLog.Exec(id, kv.Key, kv.Value, created, kv.Version, int64(kv.Lease), prev, at,
			text(c.Actor.User), text(c.Actor.Groups), text(c.Actor.Impersonator), text(c.Actor.UserAgent),
			text(c.Actor.FieldManager), text(c.Actor.AuditID), text(c.Actor.Verb)); err != nil {
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
	first, end := (from+1)*positions, (to+1)*positions
	var gone int64
	err := e.write(ctx, func() error {
		for _, stmt := range []*sql.Stmt{e.pruneReplaced, e.pruneGone} {
			res, err := stmt.Exec(first, end)
			if err != nil {
				return fmt.Errorf("delete rows up to revision %d: %w", to, err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return fmt.Errorf("count deleted rows: %w", err)
			}
			gone += n
		}
		if _, err := e.setMeta.Exec(to, "pruned"); err != nil {
			return fmt.Errorf("write the pruned revision: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return gone, nil
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

// Close implements mvcc.Engine. The last connection to close folds the
// write-ahead log into the file.
func (e *Engine) Close() error {
	var errs []error
	if e.folder != nil {
		errs = append(errs, e.folder.stop())
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

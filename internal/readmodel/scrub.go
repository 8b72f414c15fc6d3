package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// scrubPatience is how long a scrub waits until the model has all deletions.
const scrubPatience = time.Minute

// Scrub rewrites the file, once the model has all changes of the storage and no versions that were
// removed from the history. After that, free pages, the search index and the write-ahead log have
// nothing of deleted objects and versions.
func (m *Model) Scrub(ctx context.Context) error {
	shows, err := m.WaitFor(ctx, m.source.Revision(), scrubPatience)
	if err == nil && !shows {
		err = errors.New("the read model is behind the storage")
	}
	if err != nil {
		return fmt.Errorf("scrub the read model: %w", err)
	}
	if err := m.forgetNow(ctx); err != nil {
		return fmt.Errorf("scrub the read model: %w", err)
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	for _, statement := range []string{"INSERT INTO fts(fts) VALUES ('optimize')", "VACUUM"} {
		if _, err := m.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("scrub the read model: %w", err)
		}
	}
	emptied, err := m.emptyLog(ctx)
	if err != nil {
		return fmt.Errorf("scrub the read model: %w", err)
	}
	if !emptied {
		return errors.New("scrub the read model: a question keeps its write-ahead log: try again")
	}
	return nil
}

// emptyLog truncates the write-ahead log, and reports whether it did: it cannot while a reader uses
// the log.
func (m *Model) emptyLog(ctx context.Context) (bool, error) {
	var busy, log, done int
	err := m.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done)
	return busy == 0, err
}

// forgetNow returns after a comparison with the history that began after the call. The goroutine
// that follows the history also compares, so a page of versions that was read before is not written
// afterwards.
func (m *Model) forgetNow(ctx context.Context) error {
	if m.past == nil {
		return nil
	}
	late := time.NewTimer(scrubPatience)
	defer late.Stop()
	for range 2 { // one may have begun before
		before := m.status.Load().Compared
		m.Forget()
		for {
			moved := *m.moved.Load()
			if m.status.Load().Compared != before {
				break
			}
			select {
			case <-moved:
			case <-late.C:
				return errors.New("the read model is behind the history")
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

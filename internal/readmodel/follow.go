package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Change is the new state of one key.
type Change struct {
	Key string
	// Value is the object as it is stored, nil if it was deleted.
	Value []byte
	// Revision is the revision of the change.
	Revision int64
}

// ErrGone reports that the storage no longer has the requested changes.
var ErrGone = errors.New("the storage does not hold these changes any more")

// Source is the storage that the model copies.
type Source interface {
	// ID identifies the storage: it changes if revisions do not continue from the earlier ones.
	ID() string
	// Revision returns the newest revision.
	Revision() int64
	// Snapshot returns all objects, and the revision of that state.
	Snapshot(ctx context.Context) ([]Change, int64, error)
	// Next waits for changes after a revision, and returns them in order, with the revision up to
	// which they are complete. ErrGone reports that changes are missing.
	Next(ctx context.Context, after int64) ([]Change, int64, error)
}

const (
	// step is how many objects are written in one transaction.
	step = 500
	// gather is how long changes are collected, so that an object that changes often is written once,
	// and the storage's writers get the processors. A caller that waits for a revision does not wait
	// that long.
	gather = 500 * time.Millisecond
	// pause is how long the model waits after a failure.
	pause = time.Second
	// keepEvery is the interval at which the checkpoint is written while only keys outside the model
	// change.
	keepEvery = 30 * time.Second
)

// Run builds the model or catches up, and follows the storage until the context ends. Errors are
// logged, and the operation is retried.
func (m *Model) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		slog.Warn("the read model cannot follow the storage; trying again", "path", m.path, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (m *Model) follow(ctx context.Context) error {
	at, err := m.checkpoint(ctx)
	if err != nil {
		slog.Warn("the read model is damaged and built again", "path", m.path, "err", err)
		m.writing.Lock()
		err := m.recreate(ctx)
		m.writing.Unlock()
		if err != nil {
			return err
		}
		at = 0
	}
	if at == 0 || at > m.source.Revision() {
		if at, err = m.rebuild(ctx); err != nil {
			return err
		}
	}
	var rows int64
	if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM objects WHERE life = 0`).Scan(&rows); err != nil {
		return fmt.Errorf("count the objects: %w", err)
	}
	m.setStatus(func(s *Status) { s.Ready, s.Revision, s.Rows = true, at, rows })
	if m.past != nil {
		var past sync.WaitGroup
		defer past.Wait()
		running, stop := context.WithCancel(ctx)
		defer stop()
		past.Go(func() { m.runPast(running) })
	}
	written := time.Now()
	for {
		since := time.Now()
		m.collect(ctx)
		idle := at == m.source.Revision()
		changes, revision, err := m.source.Next(ctx, at)
		if idle {
			since = time.Now() // all changes from now on are new
		}
		if errors.Is(err, ErrGone) {
			if at, err = m.rebuild(ctx); err != nil {
				return err
			}
			m.setStatus(func(s *Status) { s.Ready, s.Revision = true, at })
			continue
		}
		if err != nil {
			return err
		}
		if len(changes) > 0 || time.Since(written) > keepEvery {
			written = time.Now()
			m.setStatus(func(s *Status) { s.Behind = since })
			if err := m.write(ctx, changes, revision); err != nil {
				return err
			}
		}
		at = revision
		m.setStatus(func(s *Status) {
			s.Revision, s.Behind = at, time.Time{}
			if len(changes) > 0 {
				s.Changed = at
			}
		})
	}
}

// collect waits for further changes, until a caller waits for the model.
func (m *Model) collect(ctx context.Context) {
	enough := time.NewTimer(gather)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-m.hurry:
	case <-ctx.Done():
	}
}

// checkpoint returns the revision of the file, 0 if it has no state of this storage.
func (m *Model) checkpoint(ctx context.Context) (revision int64, err error) {
	var id string
	for key, to := range map[string]any{"revision": &revision, "source": &id} {
		err := m.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, key).Scan(to)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
	if id != m.source.ID() {
		return 0, nil
	}
	return revision, nil
}

// write applies changes in one transaction.
func (m *Model) write(ctx context.Context, changes []Change, revision int64) error {
	if err := m.awaitRoom(ctx); err != nil {
		return err
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	b, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer b.rollback()
	for _, c := range last(changes) {
		if err := b.apply(ctx, c); err != nil {
			return err
		}
	}
	return b.commit(ctx, revision)
}

// last drops changes that later ones in the same batch replace.
func last(changes []Change) []Change {
	newest := make(map[string]int, len(changes))
	for i, c := range changes {
		newest[c.Key] = i
	}
	kept := changes[:0:0]
	for i, c := range changes {
		if newest[c.Key] == i {
			kept = append(kept, c)
		}
	}
	return kept
}

// rebuild builds the model from the storage's state. It is not ready until the last step is
// committed: if the process ends before, the build starts again.
func (m *Model) rebuild(ctx context.Context) (int64, error) {
	if err := m.awaitRoom(ctx); err != nil {
		return 0, err
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	objects, revision, err := m.source.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the storage: %w", err)
	}
	begin := time.Now()
	b, err := m.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { b.rollback() }()
	if err := b.clear(ctx); err != nil {
		return 0, err
	}
	// Within the transaction: catchUp, which sees the new number, must not find the old checkpoint.
	m.setStatus(func(s *Status) {
		*s = Status{Objects: len(objects), Rebuilds: s.Rebuilds + 1}
	})
	_, err = b.tx.ExecContext(ctx, `INSERT INTO meta VALUES ('source', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`, m.source.ID())
	if err != nil {
		return 0, err
	}
	for i, o := range objects {
		if i > 0 && i%step == 0 {
			if err := b.commit(ctx, 0); err != nil {
				return 0, err
			}
			m.setStatus(func(s *Status) { s.Built = i })
			if b, err = m.begin(ctx); err != nil {
				return 0, err
			}
		}
		if err := b.apply(ctx, o); err != nil {
			return 0, err
		}
	}
	if err := b.commit(ctx, revision); err != nil {
		return 0, err
	}
	if len(objects) > step {
		slog.Info("the read model is built", "objects", len(objects), "took", time.Since(begin).Round(time.Millisecond))
	}
	return revision, nil
}

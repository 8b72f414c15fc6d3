package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// SecondMarkName is the file of the second mark, in the folder of the server's keys.
const SecondMarkName = "database.mark"

// markPaths are the files that remember the database at path: one beside it, and
// one in a folder that is likely to survive where the database does not, if that is known.
func markPaths(path, second string) []string {
	paths := []string{path + ".mark"}
	if second != "" {
		paths = append(paths, filepath.Join(second, SecondMarkName))
	}
	return paths
}

// marks keep the marks of one database. The first file is written with every batch, so
// that it is exact after the end of the process; all of them are made durable every
// second, as what the machine may fall back to.
type marks struct {
	paths   []string
	log     *slog.Logger
	relaxed bool

	mu      sync.Mutex
	files   []*mark.File // nil where a file could not be opened
	now     mark.Mark    // what has been committed
	durable mark.Mark    // what may be written: now, if commits are durable
	changed bool         // since the last sync
	warned  time.Time
}

// start begins with what has been loaded.
func (m *marks) start(now mark.Mark) {
	m.mu.Lock()
	m.now, m.durable, m.changed = now, now, true
	m.files = make([]*mark.File, len(m.paths))
	m.mu.Unlock()
	m.sync()
}

// started reports whether there is anything to keep up to date.
func (m *marks) started() bool { return m.files != nil }

// committed notes a batch that is in the database.
func (m *marks) committed(b *mvcc.Batch) {
	if !m.started() || len(b.Commits) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range b.Commits {
		m.now.Revision = c.Revision
		for _, ev := range c.Events {
			if ev.Prev != nil && ev.Prev.Version > 0 {
				m.now.Digest -= mark.Digest(rows.Created(ev.Prev), ev.Prev.ModRevision)
				m.now.Keys--
			}
			if ev.Type == mvcc.EventPut {
				m.now.Digest += mark.Digest(rows.Created(ev.KV), c.Revision)
				m.now.Keys++
			}
		}
	}
	m.changed = true
	if m.relaxed {
		return
	}
	m.durable = m.now
	if f := m.files[0]; f != nil {
		m.failed(f.Put(m.mark()))
	}
}

// sideCommitted notes the newest id of side rows that are in the database.
func (m *marks) sideCommitted(newest int64) {
	if !m.started() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Side, m.changed = newest, true
	if m.relaxed {
		return
	}
	m.durable = m.now
	if f := m.files[0]; f != nil {
		m.failed(f.Put(m.mark()))
	}
}

// mark is what to write. A digest that is not known is not written.
func (m *marks) mark() mark.Mark {
	if m.durable.Keys < 0 {
		return mark.Mark{Store: m.durable.Store, Revision: m.durable.Revision, Keys: mark.Unknown, Side: m.durable.Side}
	}
	return m.durable
}

// doubt notes that a commit had an unknown outcome: from here on only revisions are known.
func (m *marks) doubt() {
	m.mu.Lock()
	m.now.Keys = -1 << 62 // stays below 0 whatever is added
	m.mu.Unlock()
}

// checkpointing begins a checkpoint, before which the write-ahead log is synced; the
// function that it returns ends it.
func (m *marks) checkpointing() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.relaxed && (now.Revision > m.durable.Revision || now.Side > m.durable.Side) {
			m.durable, m.changed = now, true
		}
	}
}

// written returns an error if the mark beside the database could not be written.
func (m *marks) written() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[0] == nil {
		return fmt.Errorf("the mark %s cannot be written", m.paths[0])
	}
	return nil
}

// sync writes all marks and makes them durable. A file that is missing is made.
func (m *marks) sync() {
	m.mu.Lock()
	if !m.started() || !m.changed {
		m.mu.Unlock()
		return
	}
	m.changed = false
	var written []*mark.File
	var errs []error
	for i, path := range m.paths {
		if f := m.files[i]; f != nil && !f.InPlace() {
			_ = f.Close() // it is gone
			m.files[i] = nil
		}
		fresh := m.files[i] == nil
		if fresh {
			// The folder of the second mark is made by those whose it is.
			if _, err := os.Stat(filepath.Dir(path)); i > 0 && errors.Is(err, fs.ErrNotExist) {
				m.changed = true // until it is there
				continue
			}
			f, err := mark.Open(path)
			if err != nil {
				errs = append(errs, err)
				m.changed = true
				continue
			}
			m.files[i] = f
		}
		if err := m.files[i].Put(m.mark()); err != nil {
			errs = append(errs, err)
			m.changed = true
			continue
		}
		if fresh {
			errs = append(errs, privatefile.SyncFolder(filepath.Dir(path)))
		}
		written = append(written, m.files[i])
	}
	m.failed(errors.Join(errs...))
	m.mu.Unlock()
	for _, f := range written { // without keeping the writer waiting
		if err := f.Sync(); err != nil {
			m.mu.Lock()
			m.failed(err)
			m.mu.Unlock()
		}
	}
}

// failed logs that marks cannot be written, once a minute: the one before still holds.
func (m *marks) failed(err error) {
	if err == nil || time.Since(m.warned) < time.Minute {
		return
	}
	m.warned = time.Now()
	m.log.Warn("the mark of the database cannot be written: a loss of the latest writes would not be noticed", "error", err)
}

func (m *marks) close() {
	m.sync()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.files {
		if f != nil {
			_ = f.Close() // it is synced
		}
	}
	m.files = nil
}

package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// Model is the file of the read model. Run is its only writer; all other methods are safe for
// concurrent use.
type Model struct {
	path   string
	source Source
	most   int64 // bytes, 0 for no bound
	db     *sql.DB
	reader *sql.DB // not blocked by the writer
	kinds  map[string]Kind
	// writing prevents writes to the file during a scrub.
	writing sync.Mutex
	insert  map[string]string
	status  atomic.Pointer[Status]
	// past is the history, nil for none. hurryPast signals that a caller waits for it, and forget that
	// versions were removed.
	past      Past
	hurryPast chan struct{}
	forget    chan struct{}
	setting   sync.Mutex // serializes changes of the status
	// hurry signals Run that a caller waits for changes that are not written yet.
	hurry chan struct{}
	// moved is closed and replaced at each change of the status.
	moved atomic.Pointer[chan struct{}]
}

// Status is the progress of the model.
type Status struct {
	// Ready: the model has been built, and can be queried.
	Ready bool
	// Revision is the storage revision of the model, and Newest the storage's newest revision.
	Revision, Newest int64
	// Built and Objects are the progress of a build: Built of Objects have been written.
	Built, Objects int
	// Behind is since when the model has lacked changes; zero if it has all.
	Behind time.Time
	// Rebuilds counts how often the model was built from the storage's state.
	Rebuilds int
	// Rows is the number of objects in the model.
	Rows int64
	// Changed is the revision of the newest change in the model.
	Changed int64
	// Past is the revision up to which the model has the history's versions.
	Past int64
	// Compared counts how often the versions were compared with the history.
	Compared int
}

// Stats are metrics of the model.
type Stats struct {
	Status
	// Bytes is the size of its files.
	Bytes int64
}

// Stats returns the metrics of the model, without querying its file.
func (m *Model) Stats() Stats {
	s := Stats{Status: m.Status()}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(m.path + suffix); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}

// Options configure a model.
type Options struct {
	// MaxBytes bounds the file, 0 for no bound. A model that would exceed it is not written any
	// further: it falls behind.
	MaxBytes int64
	// Past is the history of the same storage; nil for none.
	Past Past
}

// ErrBuilding is the error while the model is built.
var ErrBuilding = errors.New("the read model is being built")

// Open opens the file, or creates it. A file that is not a read model of this release is replaced,
// unless it belongs to another program.
func Open(ctx context.Context, path string, source Source, o Options) (*Model, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	m := &Model{path: path, source: source, most: o.MaxBytes, kinds: map[string]Kind{}, insert: map[string]string{}, hurry: make(chan struct{}, 1),
		past: o.Past, hurryPast: make(chan struct{}, 1), forget: make(chan struct{}, 1)}
	for _, k := range Kinds() {
		m.kinds[k.Resource], m.insert[k.Resource] = k, insertOf(k)
	}
	m.status.Store(&Status{})
	m.reader, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}).String())
	if err != nil {
		return nil, err
	}
	m.reader.SetMaxIdleConns(0) // the file may be replaced
	moved := make(chan struct{})
	m.moved.Store(&moved)
	if !isOurs(path) { // opening it would change it
		return nil, fmt.Errorf("open the read model %s: it is the file of something else: choose another one with --read-model-path", path)
	}
	known, err := m.open(ctx)
	if err == nil && known {
		return m, nil
	}
	if ctx.Err() != nil { // a canceled start is no error of the file, which is kept
		err = context.Cause(ctx)
	} else {
		err = m.recreate(ctx)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("open the read model %s: %w", path, err)
	}
	return m, nil
}

// pageBytes is the size of SQLite's pages.
const pageBytes = 4096

// applicationID marks the file as a read model.
const applicationID = 0x61726b72

// isOurs reports whether a file may be opened and replaced: it is missing, empty or has the mark.
func isOurs(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost on an error
	head := make([]byte, 72)
	n, _ := f.Read(head)
	return n == 0 || n == len(head) && string(head[68:72]) == "\x61\x72\x6b\x72"
}

// open opens the file and reports whether its tables are those of this release.
func (m *Model) open(ctx context.Context) (known bool, err error) {
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-4096)", "wal_autocheckpoint(1000)", "journal_size_limit(16777216)"}
	if m.most > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count(%d)", max(m.most/pageBytes, 1)))
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: m.path}).EscapedPath(), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	if m.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return false, err
	}
	m.db.SetMaxOpenConns(1)
	var tables int
	if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return false, err
	}
	if tables == 0 {
		return false, nil
	}
	var found string
	err = m.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'version'`).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return found == version(), err
}

// recreate replaces the file with an empty model.
func (m *Model) recreate(ctx context.Context) error {
	m.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(m.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(m.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite gives its other files the same mode
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := m.mark(ctx); err != nil {
		return err
	}
	if _, err := m.open(ctx); err != nil {
		return err
	}
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after a commit
	for _, statement := range schema() {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta VALUES ('version', ?)`, version()); err != nil {
		return err
	}
	return tx.Commit()
}

// mark writes the mark before the file has a write-ahead log, which would contain it instead.
func (m *Model) mark(ctx context.Context) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: m.path}).EscapedPath()}).String())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	return errors.Join(err, db.Close())
}

// Close closes the file. Run must have ended.
func (m *Model) Close() {
	if m.db != nil {
		_ = m.db.Close() // nothing is lost that cannot be rebuilt
	}
}

// Path returns the path of the file.
func (m *Model) Path() string { return m.path }

// Status returns the progress of the model.
func (m *Model) Status() Status {
	s := *m.status.Load()
	s.Newest = max(s.Revision, m.source.Revision())
	return s
}

// namespaces uses the index of objects to skip from one kind and namespace to the next. SELECT
// DISTINCT would read all objects, so each request would take longer with the number of objects,
// including those that its user may not list.
const namespaces = `WITH RECURSIVE
	k(kind) AS (SELECT min(kind) FROM objects UNION ALL SELECT (SELECT min(o.kind) FROM objects o WHERE o.kind > k.kind) FROM k WHERE k.kind IS NOT NULL),
	n(kind, namespace) AS (SELECT k.kind, (SELECT min(o.namespace) FROM objects o WHERE o.kind = k.kind) FROM k WHERE k.kind IS NOT NULL
		UNION ALL SELECT n.kind, (SELECT min(o.namespace) FROM objects o WHERE o.kind = n.kind AND o.namespace > n.namespace) FROM n WHERE n.namespace IS NOT NULL)
	SELECT DISTINCT namespace FROM n WHERE namespace IS NOT NULL ORDER BY 1`

// Namespaces returns the namespaces that have objects; "" is included if there are cluster-scoped
// objects.
func (m *Model) Namespaces(ctx context.Context) ([]string, error) {
	rows, err := m.reader.QueryContext(ctx, namespaces)
	if err != nil {
		return nil, fmt.Errorf("read the namespaces: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, fmt.Errorf("read the namespaces: %w", err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// setStatus changes the status, and wakes its waiters.
func (m *Model) setStatus(change func(*Status)) {
	m.setting.Lock()
	defer m.setting.Unlock()
	s := *m.status.Load()
	change(&s)
	m.status.Store(&s)
	next := make(chan struct{})
	close(*m.moved.Swap(&next))
}

// WaitFor waits until the model has a revision, but at most for some time, and reports whether it
// has. ErrBuilding reports that it cannot be queried yet.
func (m *Model) WaitFor(ctx context.Context, revision int64, most time.Duration) (bool, error) {
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	for {
		moved := *m.moved.Load()
		if s := m.status.Load(); s.Ready && s.Revision >= revision {
			return true, nil
		}
		select {
		case m.hurry <- struct{}{}:
		default: // already signaled
		}
		select {
		case <-moved:
		case <-timeout.C:
			s := m.status.Load()
			if !s.Ready {
				return false, fmt.Errorf("%w: %d of %d objects are there", ErrBuilding, s.Built, s.Objects)
			}
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

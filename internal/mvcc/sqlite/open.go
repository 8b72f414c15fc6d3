package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mckinsey/ark-server/internal/mvcc"
	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Options of an Engine.
type Options struct {
	// Relaxed makes a commit return before it is on disk (synchronous=NORMAL).
	// A crash of the machine, though not of the process, may then lose the last
	// writes acknowledged; the file stays consistent.
	Relaxed bool
}

// Open opens or creates the database at path. Its errors say what is wrong
// with the path and what to do; they do not name the path.
func Open(ctx context.Context, path string, opts Options) (*Engine, error) {
	path, err := usable(path)
	if err != nil {
		return nil, err
	}
	// A file that is not ours is left alone, without so much as a lock file.
	if _, err := identify(ctx, path); err != nil {
		return nil, explain(err)
	}
	e := &Engine{path: path}
	if e.lock, err = lock(path); err != nil {
		return nil, explain(err)
	}
	err = tighten(path)
	if err == nil {
		err = e.open(ctx, opts)
	}
	if err == nil {
		// What SQLite opened may have been planted since the first look.
		err = tighten(path)
	}
	if err != nil {
		_ = e.Close() // the first error says more
		return nil, explain(err)
	}
	return e, nil
}

// usable resolves links, so that a file has one lock whatever it is called, and
// finds the common mistakes.
func usable(path string) (string, error) {
	if path == "" {
		return "", errors.New("the path is empty: name a file, such as ./ark.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// The folder's links are resolved, so that a file has one lock; the file itself is none.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		return "", fmt.Errorf("it is a folder: name a file in it, such as %s", filepath.Join(path, "ark.db"))
	case err == nil && !info.Mode().IsRegular() && info.Mode()&os.ModeSymlink == 0:
		return "", errors.New("it is not a regular file")
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("its folder does not exist: create it with mkdir -p %s", dir)
	}
	if err := trust(path); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", explain(err)
	}
	return path, f.Close()
}

// explain puts what a system error means for the user before it.
func explain(err error) error {
	var se *sqlitelib.Error
	code := 0
	if errors.As(err, &se) {
		code = se.Code() & 0xff
	}
	switch {
	case errors.Is(err, os.ErrPermission), code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_PERM:
		return fmt.Errorf("it cannot be written: check the owner and mode of the file and its folder: %w", err)
	case isNoSpace(err):
		return fmt.Errorf("the disk is full: free some space, or choose a path on another disk: %w", err)
	case strings.Contains(err.Error(), "read-only file system"):
		return fmt.Errorf("it lies on a read-only file system: choose another path: %w", err)
	case code == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("it is not an SQLite database: choose another path, or move that file away: %w", err)
	case code == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("it is damaged: restore a backup: %w", err)
	}
	return err
}

func (e *Engine) open(ctx context.Context, opts Options) error {
	synchronous := "FULL"
	if opts.Relaxed {
		synchronous = "NORMAL"
	}
	version, err := identify(ctx, e.path)
	if err != nil {
		return err
	}
	e.writerDB, e.writer, err = connect(ctx, e.path,
		"synchronous("+synchronous+")", "fullfsync(1)", "checkpoint_fullfsync(1)",
		"wal_autocheckpoint(0)", "journal_size_limit(268435456)", "cache_size(-65536)", "temp_store(MEMORY)")
	if err != nil {
		return err
	}
	// The page size must be set before the first page is written, and before
	// the journal mode. Rows of two to three kilobytes, as queries have, would
	// waste nearly half of SQLite's usual pages of four.
	for _, pragma := range []string{"page_size = 8192", "journal_mode = WAL"} {
		if _, err := e.writer.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	if err := migrate(ctx, e.writer, version); err != nil {
		return err
	}
	if err := e.statements(ctx); err != nil {
		return err
	}
	if e.readers, err = sql.Open("sqlite", dsn(e.path, "query_only(1)", "temp_store(MEMORY)")); err != nil {
		return err
	}
	e.readers.SetMaxOpenConns(8)
	e.folder, err = startFolder(ctx, e.path, synchronous)
	return err
}

// dsn names the file with the settings that each connection gets.
func dsn(path string, pragmas ...string) string {
	// Connections hardly ever wait for each other; when one does, not for long.
	// Left to itself SQLite may build an index of the whole log for one query.
	q := url.Values{"_pragma": append([]string{"busy_timeout(1000)", "automatic_index(0)"}, pragmas...)}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// connect opens a pool of one and returns its connection.
func connect(ctx context.Context, path string, pragmas ...string) (*sql.DB, *sql.Conn, error) {
	db, err := sql.Open("sqlite", dsn(path, pragmas...))
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, conn, nil
}

// classify turns a failure to write into the store's terms.
func classify(err error, committing bool) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w: %w", mvcc.ErrNoSpace, err)
	}
	if committing {
		return fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, err)
	}
	return err
}

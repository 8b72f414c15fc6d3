package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/privatefile"
	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Options of an Engine.
type Options struct {
	// Relaxed makes a commit return before it is on disk (synchronous=NORMAL).
	// A crash of the machine, though not of the process, may then lose the last
	// writes acknowledged; the file stays consistent.
	Relaxed bool
	// SecondMark is a folder, if it exists, that remembers the database besides
	// the file beside it.
	SecondMark string
	// AcceptDataLoss, if not nil, is the store whose data may be missing: Open then goes on
	// with what is there, past every revision known to have been handed out, under a new
	// store id.
	AcceptDataLoss *mark.StoreID
	// Log receives what an operator should know. Default: slog.Default.
	Log *slog.Logger
}

// Open opens or creates the database at path. It refuses one that lacks what its marks
// say it held (LossError). Its errors say what is wrong with the path and what
// to do; they do not name the path. A refused database stays as it is.
func Open(ctx context.Context, path string, opts Options) (*Engine, error) {
	path, err := usable(path)
	if err != nil {
		return nil, err
	}
	// A file that is not ours is left alone, without so much as a lock file.
	if _, err := identify(ctx, path); err != nil {
		return nil, explain(err)
	}
	e, err := open(ctx, path, opts)
	if err != nil && isNoSpace(err) && fileSize(path+reserveSuffix) > 0 {
		(&reserve{path: path + reserveSuffix}).release()
		e, err = open(ctx, path, opts)
	}
	if err != nil {
		return nil, explain(err)
	}
	return e, nil
}

func newEngine(path string, opts Options) *Engine {
	log := opts.Log
	if log == nil {
		log = slog.Default()
	}
	return &Engine{
		path: path, log: log, reserve: &reserve{path: path + reserveSuffix},
		marks: &marks{paths: markPaths(path, opts.SecondMark), log: log, relaxed: opts.Relaxed},
	}
}

func open(ctx context.Context, path string, opts Options) (_ *Engine, err error) {
	e := newEngine(path, opts)
	defer func() {
		if err != nil {
			_ = e.Close() // the first error says more
		}
	}()
	if e.lock, err = lock(path); err != nil {
		return nil, err
	}
	if err := privatefile.RemoveStale(path); err != nil { // of a killed restore
		return nil, err
	}
	have, err := e.inspect(ctx)
	if err != nil {
		return nil, err
	}
	losses := have.losses(path, e.remembered)
	accepted := accepts(opts.AcceptDataLoss, losses)
	if len(losses) > 0 && !accepted {
		return nil, losses[0]
	}
	if !have.present {
		// A write-ahead log of something else must not become this one's.
		if err := e.createFile(accepted); err != nil {
			return nil, err
		}
	}
	if err := tighten(path); err != nil {
		return nil, err
	}
	if err := e.open(ctx, opts); err != nil {
		return nil, err
	}
	// What SQLite opened may have been planted since the first look.
	if err := tighten(path); err != nil {
		return nil, err
	}
	if accepted || opts.AcceptDataLoss != nil && *opts.AcceptDataLoss == e.store {
		if err := e.accept(ctx, losses); err != nil {
			return nil, err
		}
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
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
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
		return &database.FaultError{Fault: database.FaultReadOnly, Err: fmt.Errorf("it cannot be written: check the owner and mode of the file and its folder: %w", err)}
	case isNoSpace(err):
		return &database.FaultError{Fault: database.FaultFull, Err: fmt.Errorf("the disk is full: free some space, or choose a path on another disk: %w", err)}
	case strings.Contains(err.Error(), "read-only file system"):
		return &database.FaultError{Fault: database.FaultReadOnly, Err: fmt.Errorf("it lies on a read-only file system: choose another path: %w", err)}
	case code == sqlite3.SQLITE_NOTADB:
		return &database.FaultError{Fault: database.FaultForeign, Err: fmt.Errorf("it is not an SQLite database: choose another path, or move that file away: %w", err)}
	case code == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", &CorruptError{What: "it is damaged: " + structureFix}, err)
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
	// With its write-ahead log, what is complete by itself would look as if it lacked one.
	if version >= markedVersion {
		complete, err := needsNoLog(ctx, e.writer)
		if err == nil && complete {
			_, err = e.writer.ExecContext(ctx, setMetaStatement.Text, setMetaStatement.Args(named.Arg("value", 1), named.Arg("name", metaQuiet))...)
		}
		if err != nil {
			return fmt.Errorf("note that the file is complete: %w", err)
		}
	}
	// The page size must be set before the first page is written, and before
	// the journal mode. Rows of two to three kilobytes, as queries have, would
	// waste nearly half of SQLite's usual pages of four.
	for _, pragma := range []string{"page_size = 8192", "journal_mode = WAL"} {
		if _, err := e.writer.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	if _, err := ours.Migrate(ctx, migrator{e.writer}); err != nil {
		return err
	}
	if err := e.prepare(ctx); err != nil {
		return err
	}
	id, err := readIdentity(ctx, e.writer)
	if err != nil {
		return fmt.Errorf("read the store id: %w", err)
	}
	e.store, e.quiet = mark.StoreID(id.store), id.quiet
	if err := e.loadSide(ctx); err != nil {
		return fmt.Errorf("read the side tables' counters: %w", err)
	}
	if e.readers, err = sql.Open("sqlite", dsn(e.path, "query_only(1)", "temp_store(MEMORY)")); err != nil {
		return err
	}
	// A connection takes longer to open than a page to read, and has what it read before in its cache.
	e.readers.SetMaxOpenConns(maxReaders)
	e.readers.SetMaxIdleConns(maxReaders)
	e.readers.SetConnMaxIdleTime(readerIdle)
	e.pageSide = map[bool]*sql.Stmt{}
	for backward, query := range pageSideQuery {
		// To prepare it takes longer than to read a page.
		if e.pageSide[backward], err = e.readers.PrepareContext(ctx, query.Text); err != nil {
			delete(e.pageSide, backward)
			return fmt.Errorf("prepare to read side tables: %w", err)
		}
	}
	e.checkpointer, err = startCheckpointer(ctx, e, synchronous)
	return err
}

// createFile makes an empty file. What an accepted loss has left is moved aside.
func (e *Engine) createFile(accepted bool) error {
	if accepted && (fileSize(e.path) > 0 || fileSize(e.path+"-wal") > 0) {
		aside, err := moveAside(e.path)
		if err != nil {
			return fmt.Errorf("move aside what is left: %w", err)
		}
		e.log.Warn("what was left of the database has been moved aside", "to", aside)
	}
	f, err := os.OpenFile(e.path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// maxReaders read at once, and those that have not for readerIdle are closed.
const (
	maxReaders = 8
	readerIdle = 30 * time.Second
)

// busyTimeout is how long a connection waits for another one's lock. Connections hardly ever
// wait for each other; when one does, not for long.
const busyTimeout = "PRAGMA busy_timeout(1000)"

// dsn names the file with the settings that each connection gets.
func dsn(path string, pragmas ...string) string {
	// Left to itself SQLite may build an index of the whole log for one query.
	q := url.Values{"_pragma": append([]string{"busy_timeout(1000)", "automatic_index(0)"}, pragmas...)}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// connect opens a pool of one and returns its connection.
func connect(ctx context.Context, path string, pragmas ...string) (*sql.DB, *sql.Conn, error) {
	return connectTo(ctx, dsn(path, pragmas...))
}

func connectTo(ctx context.Context, dsn string) (*sql.DB, *sql.Conn, error) {
	db, err := sql.Open("sqlite", dsn)
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

// connection is one to a file that must exist. It cannot change the database, nor does it
// copy the write-ahead log when it is the last to close.
type connection struct {
	db *sql.DB
	*sql.Conn
}

func connectReadOnly(ctx context.Context, path string) (*connection, error) {
	db, conn, err := connectTo(ctx, dsn(path, "temp_store(MEMORY)")+"&mode=ro")
	if err != nil {
		return nil, err
	}
	return &connection{db, conn}, nil
}

func (c *connection) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.Conn.Close(), c.db.Close())
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

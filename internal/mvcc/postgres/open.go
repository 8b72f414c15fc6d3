package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Options of an Engine; the zero value is ready.
type Options struct {
	// NoMigrate leaves migrations to the migrate command. Open then fails, and says
	// what to run, where one is due.
	NoMigrate bool
	// Wait is how long Open waits for a database that cannot be reached yet.
	Wait time.Duration
	// Log hears of waiting and of notifications that do not arrive. Default:
	// slog.Default.
	Log *slog.Logger
}

// Engine is an mvcc.Shared on a PostgreSQL database.
type Engine struct {
	server
	log     *slog.Logger
	replica int64 // tells this engine from the others
	lock    int64 // the advisory lock that is the counter's
	side    int64 // that of the side tables
	channel string

	writer  *pgxpool.Pool // Commit and InTurn; one connection
	upkeep  *pgxpool.Pool // Prune, Maintain, Settle, and writes to side tables
	readers *pgxpool.Pool

	listener *listener
	newest   atomic.Int64 // revision + change, as last read
	pause    polling
	pace     mvcc.SidePace
	holds    atomic.Bool  // whether it may be the maintainer
	sweep    atomic.Int64 // when to delete ended leases next, Unix seconds
}

var _ mvcc.Shared = (*Engine)(nil)

// Connections that are taken whatever MaxConnections says: the writer's, the
// listener's, two for upkeep, and one to read.
const (
	upkeepConnections = 2
	leastConnections  = 3 + upkeepConnections
)

// Open connects to a database and migrates it if need be. Errors say what is
// wrong and what to do about it.
func Open(ctx context.Context, cfg database.Config, opts Options) (*Engine, error) {
	e := &Engine{server: newServer(cfg), log: opts.Log, replica: rand.Int64()}
	if e.log == nil {
		e.log = slog.Default()
	}
	connections := cfg.MaxConnections
	if connections == 0 {
		connections = defaultConnections
	}
	if connections < leastConnections {
		return nil, fmt.Errorf("%d connections are too few: ark-server needs at least %d", connections, leastConnections)
	}
	var conn *pgx.Conn
	err := database.Await(ctx, opts.Wait, e.log, func(err error) bool { return !hopeless(err) }, func() (err error) {
		conn, err = e.connect(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer closeSession(ctx, conn)
	if err := e.usable(ctx, conn, !opts.NoMigrate); err != nil {
		return nil, e.explain(err)
	}
	if err := e.identify(ctx, conn); err != nil {
		return nil, e.explain(err)
	}
	if err := checkCapacity(ctx, conn, connections); err != nil {
		return nil, e.explain(err)
	}
	warnings, err := durability(ctx, conn)
	if err != nil {
		return nil, e.explain(err)
	}
	for _, w := range warnings {
		e.log.Warn(w)
	}
	for _, p := range []struct {
		into *(*pgxpool.Pool)
		size int
	}{{&e.writer, 1}, {&e.upkeep, upkeepConnections}, {&e.readers, connections - leastConnections + 1}} {
		if *p.into, err = e.pool(p.size); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	e.listener = startListener(e.server, e.log, e.upkeep, e.channel, e.replica)
	if _, err := e.Read(ctx); err != nil {
		return nil, errors.Join(e.explain(err), e.Close())
	}
	if err := mvcc.HashKeys(ctx, e.log, e.hashSome); err != nil {
		return nil, errors.Join(e.explain(err), e.Close())
	}
	return e, nil
}

// closeGrace bounds how long a session takes to say goodbye to a server that may not listen.
const closeGrace = 500 * time.Millisecond

func closeSession(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	_ = conn.Close(ctx) // the server ends the session by itself
}

// identify finds what tells this database's log from others in the server.
func (e *Engine) identify(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, e.patience())
	defer cancel()
	var table, side int64
	columns := named.Columns{
		named.Col("'ark_log'::regclass::oid::bigint", &table),
		named.Col("coalesce(to_regclass('ark_side')::oid::bigint, 0)", &side), // before a migration there is none
	}
	if err := conn.QueryRow(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return fmt.Errorf("find the log: %w", err)
	}
	// Advisory locks and channels are the database's own; several logs may
	// share it in schemas of their own.
	e.lock, e.side = 0x41524b73<<32|table, 0x41524b73<<32|side
	e.channel = fmt.Sprintf("ark_log_%d", table)
	return nil
}

// checkCapacity refuses limits that leave a replica fewer connections than its pools open: with one
// more request at a time than connections it would never become ready.
func checkCapacity(ctx context.Context, conn *pgx.Conn, wanted int) error {
	var user string
	var role, db, server int
	columns := named.Columns{
		named.Col("current_user", &user),
		named.Col("(SELECT CASE WHEN rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END FROM pg_roles WHERE rolname = current_user)", &role),
		named.Col("(SELECT CASE WHEN datconnlimit < 0 THEN 1000000 ELSE datconnlimit END FROM pg_database WHERE datname = current_database())", &db),
		named.Col("current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int", &server),
	}
	if err := conn.QueryRow(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return fmt.Errorf("read the limits of connections: %w", err)
	}
	for _, limit := range []struct {
		most int
		what string
		fix  string
	}{
		{role, fmt.Sprintf("role %q may have %d connections", user, role), fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT -1", pgx.Identifier{user}.Sanitize())},
		{db, fmt.Sprintf("the database may have %d connections", db), "ALTER DATABASE ... CONNECTION LIMIT -1"},
		{server, fmt.Sprintf("the server leaves users %d connections", server), "raise max_connections"},
	} {
		if limit.most < wanted {
			return &database.LimitError{Limit: database.LimitConnections, Problem: fmt.Sprintf("%s, and each replica opens up to %d: %s", limit.what, wanted, limit.fix), Least: leastConnections}
		}
	}
	return nil
}

// durability refuses settings with which damage is read as if it were data, and returns warnings of
// those with which an acknowledged write may be lost.
func durability(ctx context.Context, conn *pgx.Conn) (warnings []string, err error) {
	var damage []string
	var fsync, fullPages, checksums string
	columns := named.Columns{
		named.Col(`(SELECT coalesce(array_agg(name), '{}') FROM pg_settings WHERE setting = 'on'
			AND name IN ('zero_damaged_pages', 'ignore_checksum_failure', 'ignore_invalid_pages', 'ignore_system_indexes'))`, &damage),
		named.Col("current_setting('fsync')", &fsync),
		named.Col("current_setting('full_page_writes')", &fullPages),
		named.Col("current_setting('data_checksums')", &checksums),
	}
	if err := conn.QueryRow(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	if len(damage) > 0 {
		return nil, fmt.Errorf("the server returns damaged pages as if they were not (%s=on): set it off, for the server, the database and the role", strings.Join(damage, "=on, "))
	}
	if fsync == "off" {
		warnings = append(warnings, "the database writes nothing to disk by force (fsync=off): a crash of its machine may damage it, or lose acknowledged writes")
	}
	if fullPages == "off" {
		warnings = append(warnings, "the database does not protect its pages from partial writes (full_page_writes=off): a crash of its machine may damage it unless its file system does")
	}
	if checksums == "off" {
		warnings = append(warnings, "the database's pages have no checksums (data_checksums=off): what its disk damages is read as if it had been written: stop the database server and run pg_checksums --enable")
	}
	return warnings, nil
}

// Close implements mvcc.Engine.
func (e *Engine) Close() error {
	if e.listener != nil {
		e.listener.stop()
	}
	if e.upkeep != nil {
		e.resign()
	}
	for _, p := range []*pgxpool.Pool{e.writer, e.upkeep, e.readers} {
		if p != nil {
			p.Close()
		}
	}
	return nil
}

// bounded limits a call to what the server may take.
func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, e.patience())
}

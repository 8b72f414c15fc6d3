package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Options of an Engine; the zero value is ready.
type Options struct {
	// NoMigrate leaves migrations to the migrate command. Open then fails, and says
	// what to run, where one is due.
	NoMigrate bool
	// Wait is how long Open waits for a database that cannot be reached yet.
	Wait time.Duration
	// MaxValueBytes is the largest value that is going to be written. Open fails where the server does
	// not take packets for it. Default 1.5 MiB.
	MaxValueBytes int
	// Log hears of waiting, migrations, and settings of the server that endanger what
	// it holds. Default: slog.Default.
	Log *slog.Logger
}

// Connections of one engine: what it opens where the configuration says nothing, and
// the least: the writer's, the pruner's, one for looks, and one to read.
const (
	defaultConnections = 10
	leastConnections   = 4
)

// Engine is an mvcc.Shared on a database of a MySQL or MariaDB server.
type Engine struct {
	connector
	replica int64 // tells this engine from the others
	loaders int   // how many connections Load may use
	// connections is how many the pools open together.
	connections int
	seen        sight
	pace        mvcc.SidePace
	holds       atomic.Bool // whether it may be the maintainer

	// Pools of their own, so that nobody waits for a connection that another kind of
	// work holds: one connection writes and one prunes; looks are those at the counter
	// and the leases, which take no time.
	writer, pruner, looks, readers *sql.DB
}

var _ mvcc.Shared = (*Engine)(nil)

// Open connects to a database and migrates it if need be. Errors say what is
// wrong and what to do about it.
func Open(ctx context.Context, cfg database.Config, opts Options) (*Engine, error) {
	log := opts.Log
	if log == nil {
		log = slog.Default()
	}
	connections := cfg.MaxConnections
	if connections == 0 {
		connections = defaultConnections
	}
	if connections < leastConnections {
		return nil, fmt.Errorf("%d connections are too few: ark-server needs at least %d", connections, leastConnections)
	}
	if err := database.Await(ctx, opts.Wait, log, unreachable, func() error { return usable(ctx, cfg, !opts.NoMigrate, log) }); err != nil {
		return nil, err
	}
	c := newConnector(cfg, log)
	e := &Engine{connector: c, replica: rand.Int64(), connections: connections}
	looks := min(2, connections-leastConnections+1)
	readers := connections - 2 - looks
	e.loaders = max(1, readers-1)
	e.writer, e.pruner, e.looks, e.readers = c.with(turnSettings).pool(1), c.pool(1), c.with(c.readLimit()).pool(looks), c.pool(readers)
	if err := e.check(ctx, opts.MaxValueBytes); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if err := mvcc.HashKeys(ctx, log, e.hashSome); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// readLimit makes the server give up a read that nobody waits for any more, and
// measure tables when asked rather than once a day.
func (c connector) readLimit() string {
	return fmt.Sprintf(" /*M!100300 , max_statement_time = %d */ /*!80000 , max_execution_time = %d, information_schema_stats_expiry = 0 */",
		max(1, int(c.timeout/time.Second)), c.timeout.Milliseconds())
}

// Close implements mvcc.Engine.
func (e *Engine) Close() error {
	e.release()
	var errs []error
	for _, db := range []*sql.DB{e.writer, e.pruner, e.looks, e.readers} {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

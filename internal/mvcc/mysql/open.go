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

// Options of an Engine; the zero value of each field asks for its default.
type Options struct {
	// NoMigrate leaves the schema alone and says what to run if it is not the newest.
	// Otherwise Open migrates.
	NoMigrate bool
	// Wait is how long Open waits for a server that cannot be reached; 0 is not
	// at all.
	Wait time.Duration
	// Logger is told what an operator should know. Default: nobody is.
	Logger *slog.Logger
}

// DefaultConnections bounds the connections of one Engine where the configuration
// says nothing; minConnections is what it needs.
const (
	DefaultConnections = 10
	minConnections     = 5
)

// Engine is an mvcc.Shared on a database of a MySQL or MariaDB server.
type Engine struct {
	connector
	id         int64 // of this replica, made up
	loaders    int   // how many connections Load may use
	seen       sight
	maintained atomic.Bool

	// Pools of their own, so that nobody waits for a connection that another kind of
	// work holds: one connection writes and one prunes; looks are those at the counter
	// and the leases, which take no time.
	writer, pruner, looks, readers *sql.DB
}

// Open connects to the database.
func Open(ctx context.Context, cfg database.Config, opts Options) (*Engine, error) {
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	most := cfg.MaxConnections
	if most == 0 {
		most = DefaultConnections
	}
	if most < minConnections {
		return nil, fmt.Errorf("%d connections to the database are too few: allow at least %d", most, minConnections)
	}
	if err := prepareSchema(ctx, cfg, opts, log); err != nil {
		return nil, err
	}
	c := newConnector(cfg, log)
	e := &Engine{connector: c, id: rand.Int64(), loaders: max(1, most-minConnections)}
	e.writer, e.pruner, e.looks = c.pool(1), c.pool(1), c.with(e.readLimit()).pool(2)
	e.readers = c.pool(most - 4)
	if err := e.check(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// readLimit makes the server give up a read that nobody waits for any more.
func (c connector) readLimit() string {
	return fmt.Sprintf(" /*M!100300 , max_statement_time = %d */ /*!80000 , max_execution_time = %d */",
		max(1, int(c.timeout/time.Second)), c.timeout.Milliseconds())
}

// prepareSchema waits for the server, and migrates or looks at the schema.
func prepareSchema(ctx context.Context, cfg database.Config, opts Options, log *slog.Logger) error {
	deadline := time.Now().Add(opts.Wait)
	for pause := 100 * time.Millisecond; ; pause = min(pause*2, 5*time.Second) {
		err := prepareOnce(ctx, cfg, opts, log)
		if err == nil || !unreachable(err) || ctx.Err() != nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		log.Warn("waiting for the database", "error", err, "retryIn", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func prepareOnce(ctx context.Context, cfg database.Config, opts Options, log *slog.Logger) error {
	if opts.NoMigrate {
		st, err := Status(ctx, cfg)
		if err != nil {
			return err
		}
		return st.suits()
	}
	before, after, err := Migrate(ctx, cfg)
	if err != nil {
		return err
	}
	if before.Version != after.Version {
		log.Info("migrated the database schema", "from", before.Version, "to", after.Version)
	}
	return after.suits()
}

// unreachable says that waiting may help.
func unreachable(err error) bool {
	if hopeless(err) || errors.Is(err, ErrSchema) {
		return false
	}
	switch number(err) {
	case 0, errTooManyConns, errShutdown:
		return true
	}
	return isReadOnly(err)
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

var _ mvcc.Shared = (*Engine)(nil)

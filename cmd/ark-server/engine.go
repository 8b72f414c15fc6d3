package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// serverKind is what the command line needs of an engine on a database server.
type serverKind struct {
	title   string
	open    func(context.Context, *options) (mvcc.Engine, error)
	status  func(context.Context, database.Config) (database.SchemaStatus, error)
	migrate func(context.Context, database.Config) (database.SchemaStatus, error)
	bump    func(context.Context, database.Config, int64) (mvcc.State, error)
	begin   func(context.Context, database.Config, int64) (mvcc.State, error)
}

// serverKinds are those engines by their --storage.
func serverKinds() map[string]serverKind {
	return map[string]serverKind{
		storagePostgres: {"PostgreSQL", openPostgres, postgres.Status, postgres.Migrate, postgres.Bump, postgres.Begin},
		storageMySQL:    {"MySQL", openMySQL, mysql.Status, mysql.Migrate, mysql.Bump, mysql.Begin},
	}
}

func openPostgres(ctx context.Context, o *options) (mvcc.Engine, error) {
	return postgres.Open(ctx, o.db, postgres.Options{NoMigrate: !o.dbMigrate, Wait: o.dbWait, Log: slog.Default()})
}

func openMySQL(ctx context.Context, o *options) (mvcc.Engine, error) {
	return mysql.Open(ctx, o.db, mysql.Options{NoMigrate: !o.dbMigrate, Wait: o.dbWait, MaxValueBytes: int(o.maxObjectSize), Log: slog.Default()})
}

// place names a database: with its flag for errors, and in words for the start-up lines.
type place struct{ flag, summary string }

func (o *options) where() place {
	switch {
	case !o.onServer():
		return place{flag: "--db-path=" + o.dbPath, summary: "sqlite in " + o.dbPath}
	case o.db.DSNFile != "":
		return place{flag: "--db-dsn-file=" + o.db.DSNFile, summary: o.storage + " as in " + o.db.DSNFile}
	}
	address := o.db.Host
	switch {
	case o.db.Port != 0 && filepath.IsAbs(address):
		address = filepath.Join(address, strconv.Itoa(o.db.Port))
	case o.db.Port != 0:
		address = net.JoinHostPort(address, strconv.Itoa(o.db.Port))
	}
	return place{flag: "--db-host=" + o.db.Host, summary: fmt.Sprintf("%s at %s, database %s", o.storage, address, o.db.Name)}
}

// openEngine opens the database that the flags name.
func openEngine(ctx context.Context, o *options) (mvcc.Engine, error) {
	var engine mvcc.Engine
	var err error
	if kind, ok := serverKinds()[o.storage]; ok {
		engine, err = kind.open(ctx, o)
	} else {
		spareProcessor()
		opts := sqlite.Options{Relaxed: o.dbSynchronous == "normal", SecondMark: o.secondMark(), Log: slog.Default()}
		if o.acceptDataLoss != "" {
			store, err := mark.ParseStoreID(o.acceptDataLoss)
			if err != nil {
				return nil, fmt.Errorf("--accept-data-loss=%s: %w", o.acceptDataLoss, err)
			}
			opts.AcceptDataLoss = &store
		}
		engine, err = sqlite.Open(ctx, o.dbPath, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.where().flag, err)
	}
	return engine, nil
}

// openEngineAbove is openEngine for a database that takes over from a cluster's etcd: a new one begins far above the
// revisions that etcd has handed out. Clients that come over with one of those are then told that it is gone, and list
// again; below it, a watch would leave out all that happens until the revision is reached.
func openEngineAbove(ctx context.Context, o *options) (mvcc.Engine, error) {
	for try := 0; ; try++ {
		engine, err := openEngine(ctx, o)
		if err != nil {
			return nil, err
		}
		st, err := engine.State(ctx)
		if err == nil && st.Revision > 1 {
			return engine, nil
		}
		if err = errors.Join(err, engine.Close()); err == nil {
			err = begin(ctx, o)
		}
		if err == nil {
			continue
		}
		// Another replica that starts just now may be doing the same.
		if try == beginTries {
			return nil, fmt.Errorf("%s: %w", o.where().flag, err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(beginPause):
		}
	}
}

const (
	beginTries = 20
	beginPause = 100 * time.Millisecond
)

func begin(ctx context.Context, o *options) error {
	var err error
	if kind, ok := serverKinds()[o.storage]; ok {
		_, err = kind.begin(ctx, o.db, defaultBump)
	} else {
		_, err = sqlite.Begin(ctx, o.dbPath, defaultBump)
	}
	return err
}

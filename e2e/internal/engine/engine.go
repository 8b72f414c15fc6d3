// Package engine provides tests with each database that the store supports, by its name in
// --storage.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// The names of the storages.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgresql"
	MySQL      = "mysql"
)

// Servers are the storages that replicas can share.
var Servers = []string{PostgreSQL, MySQL}

// Place is one database: a file, or one on a server.
type Place struct {
	Storage string
	Path    string
	Config  database.Config
}

// Open opens the engine on a place.
func (p Place) Open(ctx context.Context, log *slog.Logger) (mvcc.Engine, error) {
	switch p.Storage {
	case SQLite:
		return sqlite.Open(ctx, p.Path, sqlite.Options{})
	case PostgreSQL:
		return postgres.Open(ctx, p.Config, postgres.Options{Wait: time.Minute, Log: log})
	case MySQL:
		return mysql.Open(ctx, p.Config, mysql.Options{Wait: time.Minute, Log: log})
	}
	return nil, fmt.Errorf("there is no storage %q", p.Storage)
}

// Flags returns ark-server's flags for the place.
func (p Place) Flags() []string {
	if p.Storage == SQLite {
		return []string{"--storage=sqlite", "--db-path=" + p.Path}
	}
	if p.Config.DSNFile != "" {
		return []string{"--storage=" + p.Storage, "--db-dsn-file=" + p.Config.DSNFile}
	}
	return []string{
		"--storage=" + p.Storage, "--db-host=" + p.Config.Host, fmt.Sprintf("--db-port=%d", p.Config.Port),
		"--db-name=" + p.Config.Name, "--db-user=" + p.Config.User,
	}
}

// Start starts a separate server for the test, or none for SQLite, and creates an empty database on
// it.
func Start(t testing.TB, storage string) (*sqltest.Server, Place) {
	t.Helper()
	return StartWith(t, storage, sqltest.Options{})
}

// StartWith is Start with other settings.
func StartWith(t testing.TB, storage string, opts sqltest.Options) (*sqltest.Server, Place) {
	t.Helper()
	p := Place{Storage: storage}
	if storage == SQLite {
		p.Path = filepath.Join(t.TempDir(), "ark.db")
		return nil, p
	}
	s := sqltest.Own(t, func(ctx context.Context, opts sqltest.Options) (*sqltest.Server, error) {
		return start(ctx, storage, opts)
	}, opts)
	p.Config = s.Database(t)
	return s, p
}

func start(ctx context.Context, storage string, opts sqltest.Options) (*sqltest.Server, error) {
	switch storage {
	case PostgreSQL:
		return sqltest.StartPostgres(ctx, opts)
	case MySQL:
		return sqltest.StartMySQL(ctx, opts)
	}
	return nil, fmt.Errorf("there is no server for storage %q: use %v", storage, Servers)
}

// Shared provides the tests of one binary with databases on shared servers. The zero value is
// ready; TestMain calls Stop.
type Shared struct {
	postgres sqltest.Postgres
	mariadb  sqltest.MySQL
}

// New returns an empty database, which is removed at the end of the test.
func (s *Shared) New(t testing.TB, storage string) Place {
	t.Helper()
	p := Place{Storage: storage}
	switch storage {
	case PostgreSQL:
		p.Config = s.postgres.Database(t)
	case MySQL:
		p.Config = s.mariadb.Database(t)
	default:
		_, p = Start(t, storage)
	}
	return p
}

// Stop stops the servers that were started.
func (s *Shared) Stop() {
	s.postgres.Stop()
	s.mariadb.Stop()
}

package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/sqlviews"
)

// Admin opens and administers one database. Its errors do not name the database.
type Admin interface {
	// Open opens the database, and creates or migrates its tables unless configured not to.
	Open(ctx context.Context) (mvcc.Engine, error)
	// Status compares the schema of the database with the one that this program supports.
	Status(ctx context.Context) (database.SchemaStatus, error)
	// Look returns facts about the database without changing it, even while servers run on it. It
	// returns an error if a server could not start on the database; a due migration is not an error.
	Look(ctx context.Context) (database.Facts, error)
	// Migrate runs the due migrations, and returns the status before them.
	Migrate(ctx context.Context) (database.SchemaStatus, error)
	// InstallViews creates the read model's views in the database and lets a role read them, which it
	// creates if it is missing. Without a role it recreates existing views, and reports whether there
	// were any.
	InstallViews(ctx context.Context, role string) (installed bool, err error)
	// Bump advances the counter by some revisions, at least 1: everything before is compacted, and no
	// revision is assigned twice. No server may run on the database.
	Bump(ctx context.Context, by int64) (mvcc.State, error)
	// Begin is Bump for a database that has never been written; any other is left unchanged.
	Begin(ctx context.Context, by int64) (mvcc.State, error)
}

// DefaultBump is more revisions than a server assigns in a year at 30 writes a second.
const DefaultBump = 1_000_000_000

// ErrMigratesItself is the error of Status and Migrate for a database whose tables are created and
// migrated whenever it is opened, and only then.
var ErrMigratesItself = errors.New("the database is migrated when it is opened")

// Admin returns the administrator of the database; ok is false for an external etcd.
func (o StorageOptions) Admin() (_ Admin, ok bool) {
	switch o.Kind {
	case SQLite:
		return sqliteAdmin(o), true
	case PostgreSQL:
		return postgresAdmin(o), true
	case MySQL:
		return mysqlAdmin(o), true
	case Etcd:
	}
	return nil, false
}

type sqliteAdmin StorageOptions

func (a sqliteAdmin) Open(ctx context.Context) (mvcc.Engine, error) {
	spareProcessor()
	return sqlite.Open(ctx, a.Path, sqlite.Options{
		Relaxed: a.Relaxed, SecondMark: a.SecondMark, AcceptDataLoss: a.AcceptDataLoss, Log: slog.Default(),
	})
}

func (a sqliteAdmin) Status(context.Context) (database.SchemaStatus, error) {
	return database.SchemaStatus{}, ErrMigratesItself
}

func (a sqliteAdmin) Look(ctx context.Context) (database.Facts, error) {
	return sqlite.Look(ctx, a.Path, a.SecondMark)
}

func (a sqliteAdmin) Migrate(context.Context) (database.SchemaStatus, error) {
	return database.SchemaStatus{}, ErrMigratesItself
}

func (a sqliteAdmin) InstallViews(context.Context, string) (bool, error) { return false, nil }

func (a sqliteAdmin) Bump(ctx context.Context, by int64) (mvcc.State, error) {
	return sqlite.Bump(ctx, a.Path, a.SecondMark, by)
}

func (a sqliteAdmin) Begin(ctx context.Context, by int64) (mvcc.State, error) {
	return sqlite.Begin(ctx, a.Path, by)
}

type postgresAdmin StorageOptions

func (a postgresAdmin) Open(ctx context.Context) (mvcc.Engine, error) {
	return postgres.Open(ctx, a.Database, postgres.Options{NoMigrate: a.NoMigrate, Wait: a.Wait, Log: slog.Default()})
}

func (a postgresAdmin) Status(ctx context.Context) (database.SchemaStatus, error) {
	return postgres.Status(ctx, a.Database)
}

func (a postgresAdmin) Look(ctx context.Context) (database.Facts, error) {
	return postgres.Look(ctx, a.Database)
}

func (a postgresAdmin) Migrate(ctx context.Context) (database.SchemaStatus, error) {
	return postgres.Migrate(ctx, a.Database)
}

func (a postgresAdmin) InstallViews(ctx context.Context, role string) (bool, error) {
	return postgres.InstallViews(ctx, a.Database, role, sqlviews.PostgresFunctions, sqlviews.Postgres())
}

func (a postgresAdmin) Bump(ctx context.Context, by int64) (mvcc.State, error) {
	return postgres.Bump(ctx, a.Database, by)
}

func (a postgresAdmin) Begin(ctx context.Context, by int64) (mvcc.State, error) {
	return postgres.Begin(ctx, a.Database, by)
}

type mysqlAdmin StorageOptions

func (a mysqlAdmin) Open(ctx context.Context) (mvcc.Engine, error) {
	return mysql.Open(ctx, a.Database, mysql.Options{NoMigrate: a.NoMigrate, Wait: a.Wait, MaxValueBytes: a.MaxObjectBytes, Log: slog.Default()})
}

func (a mysqlAdmin) Status(ctx context.Context) (database.SchemaStatus, error) {
	return mysql.Status(ctx, a.Database)
}

func (a mysqlAdmin) Look(ctx context.Context) (database.Facts, error) {
	return mysql.Look(ctx, a.Database, a.MaxObjectBytes)
}

func (a mysqlAdmin) Migrate(ctx context.Context) (database.SchemaStatus, error) {
	return mysql.Migrate(ctx, a.Database)
}

func (a mysqlAdmin) InstallViews(ctx context.Context, role string) (bool, error) {
	return mysql.InstallViews(ctx, a.Database, role, sqlviews.MySQL())
}

func (a mysqlAdmin) Bump(ctx context.Context, by int64) (mvcc.State, error) {
	return mysql.Bump(ctx, a.Database, by)
}

func (a mysqlAdmin) Begin(ctx context.Context, by int64) (mvcc.State, error) {
	return mysql.Begin(ctx, a.Database, by)
}

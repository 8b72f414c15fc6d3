package mysql

import (
	"context"
	"crypto/md5"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
)

// Grants is what the user that the server runs as needs, once another has
// migrated: on the database, to the user. Both follow.
const Grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON"

// migrateLock keeps migrations of one database apart. The server drops the lock with the
// session.
var migrateLock = named.Questions("SELECT GET_LOCK(:name, :seconds)")

const migrateUnlock = "SELECT RELEASE_LOCK(?)"

// migrateLockName returns the name of the lock: at most 64 characters, whatever the
// database's name. The digest is computed here because MySQL has no MD5() since 9.6; it
// stays MD5 so that releases that let the server compute it use the same lock.
func migrateLockName(ctx context.Context, conn *sql.Conn) (string, error) {
	var name []byte
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&name); err != nil {
		return "", err
	}
	return fmt.Sprintf("ark-server:%x", md5.Sum(name)), nil
}

// migrateWait is how long a migration waits for another one.
const migrateWait = time.Minute

// ours is the schema that the engine works with.
var ours = schema.Schema{Migrations: migrations, Who: "a user who may create and alter tables", Grant: Grants + " the database TO the user of the server"}

// Status compares the schema of a database with this program's. It changes
// nothing, and needs no more than the server itself.
func Status(ctx context.Context, cfg database.Config) (st database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		st, err = ours.Status(ctx, &migrator{conn: conn})
		return err
	})
	return st, err
}

// Migrate leads the database to the newest schema that this program knows, and
// returns what there was before. Several may run at a time. It needs the right to
// create tables, and goes on where one that was interrupted has ended.
func Migrate(ctx context.Context, cfg database.Config) (before database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		before, err = ours.Migrate(ctx, &migrator{conn: conn})
		return err
	})
	return before, err
}

// withSession calls do with a connection on which a statement may take long.
func withSession(ctx context.Context, cfg database.Config, do func(context.Context, *sql.Conn) error) error {
	c := newConnector(cfg, slog.New(slog.DiscardHandler))
	c.slow = true
	db := c.pool(1)
	defer db.Close()
	connecting, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := db.Conn(connecting)
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(ctx, conn)
}

// migrator is a schema.Session.
type migrator struct {
	conn *sql.Conn
	lock string // held by a migration
}

// Version implements schema.Session.
func (s *migrator) Version(ctx context.Context) (version, demands int, err error) {
	have, err := tables(ctx, s.conn)
	if err != nil {
		return 0, 0, err
	}
	if !slices.Contains(have, "ark_schema") {
		if len(have) > 0 {
			err = schema.Foreign(have[0])
		}
		return 0, 0, err
	}
	columns := named.Columns{named.Col("COALESCE(MAX(version),0)", &version), named.Col("COALESCE(MAX(demands),0)", &demands)}
	if err := s.conn.QueryRowContext(ctx, "SELECT "+columns.String()+" FROM ark_schema").Scan(columns.Into()...); err != nil {
		return 0, 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version, demands, nil
}

// tables lists those with names of ours.
func tables(ctx context.Context, conn *sql.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name IN ("+tableList+") ORDER BY table_name")
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list the tables: %w", err)
		}
		names = append(names, strings.ToLower(name))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return names, nil
}

// Begin implements schema.Session.
func (s *migrator) Begin(ctx context.Context) error {
	lock, err := migrateLockName(ctx, s.conn)
	if err != nil {
		return fmt.Errorf("read the database's name: %w", err)
	}
	var got sql.NullInt64
	if err := s.conn.QueryRowContext(ctx, migrateLock.Text, migrateLock.Args(named.Arg("name", lock), named.Arg("seconds", int(migrateWait/time.Second)))...).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return fmt.Errorf("another ark-server has been migrating this database for %s: wait for it, or look for its session in SHOW PROCESSLIST", migrateWait)
	}
	s.lock = lock
	return nil
}

// End implements schema.Session.
func (s *migrator) End(ctx context.Context, err error) error {
	if _, unlockErr := s.conn.ExecContext(context.WithoutCancel(ctx), migrateUnlock, s.lock); unlockErr != nil {
		discard(s.conn) // the lock goes with the session
	}
	if isReadOnly(err) {
		return fmt.Errorf("%w: %w", errReplica, err)
	}
	return err
}

// Create implements schema.Session.
func (s *migrator) Create(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, ddl(schemaTable))
	return err
}

// Apply implements schema.Session.
func (s *migrator) Apply(ctx context.Context, _ int, m schema.Migration) error {
	for _, statement := range statementsOf(m) {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil && number(err) != errDuplicateColumn {
			return err
		}
	}
	return nil
}

var recordStatement = named.Questions("INSERT INTO ark_schema (version,demands,title,at) VALUES (:version,:demands,:title," + nowMillis + ")")

// Record implements schema.Session.
func (s *migrator) Record(ctx context.Context, version int, m schema.Migration) error {
	_, err := s.conn.ExecContext(ctx, recordStatement.Text, recordStatement.Args(named.Arg("version", version), named.Arg("demands", m.Demands), named.Arg("title", m.Title))...)
	return err
}

// Denied implements schema.Session.
func (s *migrator) Denied(err error) bool {
	return number(err) == errTableDenied || number(err) == errAccessDB
}

// usable sees to it that the database has a schema that the engine can work with,
// and migrates if it may.
func usable(ctx context.Context, cfg database.Config, mayMigrate bool, log *slog.Logger) error {
	return withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) error {
		before, err := ours.Ensure(ctx, &migrator{conn: conn}, mayMigrate)
		if err == nil && len(before.Pending) > 0 {
			log.Info("migrated the database", "from", before.Version, "to", before.Known)
		}
		return err
	})
}

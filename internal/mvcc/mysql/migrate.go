package mysql

import (
	"context"
	"crypto/md5"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
)

// Grants is what the user that the server runs as needs, once another has
// migrated: on the database, to the user. Both follow.
const Grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON"

// migrateLock keeps migrations of one database apart. The server drops the lock with the
// session.
const (
	migrateLock   = "SELECT GET_LOCK(?, ?)"
	migrateUnlock = "SELECT RELEASE_LOCK(?)"
)

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

// Status compares the schema of a database with this program's. It changes
// nothing, and needs no more than the server itself.
func Status(ctx context.Context, cfg database.Config) (st database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		st, err = status(ctx, conn, migrations)
		return err
	})
	return st, err
}

// Migrate leads the database to the newest schema that this program knows, and
// returns what there was before. Several may run at a time. It needs the right to
// create tables, and goes on where one that was interrupted has ended.
func Migrate(ctx context.Context, cfg database.Config) (before database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		before, err = migrate(ctx, conn, migrations)
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

// status reads the schema version, which steps are to lead on.
func status(ctx context.Context, conn *sql.Conn, steps []migration) (database.SchemaStatus, error) {
	st := database.SchemaStatus{Known: len(steps)}
	have, err := tables(ctx, conn)
	if err != nil {
		return st, err
	}
	if slices.Contains(have, "ark_schema") {
		err := conn.QueryRowContext(ctx, "SELECT COALESCE(MAX(version),0), COALESCE(MAX(demands),0) FROM ark_schema").Scan(&st.Version, &st.Demands)
		if err != nil {
			return st, fmt.Errorf("read the schema version: %w", err)
		}
	} else {
		for _, name := range have {
			return st, fmt.Errorf("the database has a table %s but no ark_schema, so it is not ours: name another database", name)
		}
	}
	for i := st.Version; i < len(steps); i++ {
		st.Pending = append(st.Pending, steps[i].title)
	}
	return st, st.Check()
}

// tables lists those with names of ours.
func tables(ctx context.Context, conn *sql.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name IN ('ark_schema','"+
		strings.Join(ourTables, "','")+"') ORDER BY table_name")
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

func migrate(ctx context.Context, conn *sql.Conn, steps []migration) (before database.SchemaStatus, err error) {
	if before, err = status(ctx, conn, steps); err != nil || len(before.Pending) == 0 {
		return before, err
	}
	lock, err := migrateLockName(ctx, conn)
	if err != nil {
		return before, fmt.Errorf("read the database's name: %w", err)
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, migrateLock, lock, int(migrateWait/time.Second)).Scan(&got); err != nil {
		return before, fmt.Errorf("wait for another migration: %w", err)
	}
	if got.Int64 != 1 {
		return before, fmt.Errorf("another ark-server has been migrating this database for %s: wait for it, or look for its session in SHOW PROCESSLIST", migrateWait)
	}
	defer func() {
		if _, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), migrateUnlock, lock); unlockErr != nil {
			discard(conn) // the lock goes with the session
		}
	}()
	// Somebody else may have done it meanwhile.
	if before, err = status(ctx, conn, steps); err != nil || len(before.Pending) == 0 {
		return before, err
	}
	if _, err := conn.ExecContext(ctx, ddl(schemaTable)); err != nil {
		return before, ddlError(fmt.Errorf("create the table of schema versions: %w", err))
	}
	for i := before.Version; i < len(steps); i++ {
		m := steps[i]
		for _, statement := range m.split() {
			if _, err := conn.ExecContext(ctx, statement); err != nil && number(err) != errDuplicateColumn {
				return before, ddlError(fmt.Errorf("migrate to schema version %d (%s): %w", i+1, m.title, err))
			}
		}
		if _, err := conn.ExecContext(ctx, "INSERT INTO ark_schema (version,demands,title,at) VALUES (?,?,?,"+nowMillis+")", i+1, m.demands, m.title); err != nil {
			return before, fmt.Errorf("record schema version %d: %w", i+1, err)
		}
	}
	return before, nil
}

// byHand says that somebody else has to migrate.
func byHand(problem string) error {
	return &database.MigrationError{Problem: problem, As: "a user who may create and alter tables", Grant: Grants + " the database TO the user of the server"}
}

// ddlError says what is missing for a migration.
func ddlError(err error) error {
	switch {
	case number(err) == errTableDenied || number(err) == errAccessDB:
		return errors.Join(byHand("the user may not migrate the database"), err)
	case isReadOnly(err):
		return fmt.Errorf("%w: %w", errReplica, err)
	}
	return err
}

// usable sees to it that the database has a schema that the engine can work with,
// and migrates if it may.
func usable(ctx context.Context, cfg database.Config, mayMigrate bool, log *slog.Logger) error {
	return withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) error {
		st, err := status(ctx, conn, migrations)
		if err != nil || len(st.Pending) == 0 {
			return err
		}
		if !mayMigrate {
			return byHand(fmt.Sprintf("the database has schema version %d, version %d is needed", st.Version, st.Known))
		}
		if st, err = migrate(ctx, conn, migrations); err == nil && len(st.Pending) > 0 {
			log.Info("migrated the database", "from", st.Version, "to", st.Known)
		}
		return err
	})
}

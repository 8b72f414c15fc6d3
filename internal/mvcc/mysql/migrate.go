package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
)

// Schema says how far a database's schema has come.
type Schema struct {
	// Version is the database's, 0 for an empty one.
	Version int
	// Oldest is the oldest schema version whose binaries may use the database.
	Oldest int
	// Newest is what this binary would migrate it to.
	Newest int
}

// Pending is the number of migrations that Migrate would carry out.
func (s Schema) Pending() int { return max(0, s.Newest-s.Version) }

// ErrSchema: the schema does not suit this binary. The message says what to do.
var ErrSchema = errors.New("the database's schema does not suit this ark-server")

// suits says what keeps this binary from using the database.
func (s Schema) suits() error {
	switch {
	case s.Version < s.Newest:
		return fmt.Errorf("%w: it has version %d and this release needs %d: run ark-server migrate up with a user who may create tables, or start without --db-migrate=false", ErrSchema, s.Version, s.Newest)
	case s.Oldest > s.Newest:
		return fmt.Errorf("%w: a newer ark-server migrated it (version %d, which needs releases of version %d or later; this one knows up to %d): run that release or a later one", ErrSchema, s.Version, s.Oldest, s.Newest)
	}
	return nil
}

// migrateLock keeps others from migrating the same database.
const (
	migrateLock   = "SELECT GET_LOCK(CONCAT('ark-server:',MD5(DATABASE())), ?)"
	migrateUnlock = "SELECT RELEASE_LOCK(CONCAT('ark-server:',MD5(DATABASE())))"
)

// migrateWait is how long a replica waits for another one that migrates.
const migrateWait = time.Minute

// Status reads the schema's version. It changes nothing.
func Status(ctx context.Context, cfg database.Config) (Schema, error) {
	var st Schema
	err := withAdmin(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		st, err = status(ctx, conn)
		return err
	})
	return st, err
}

// Migrate leads the schema to the newest version that this binary knows, and returns
// it as it was before and is now. It needs the right to create and alter tables, and
// may be interrupted and called again at any time.
func Migrate(ctx context.Context, cfg database.Config) (before, after Schema, err error) {
	err = withAdmin(ctx, cfg, func(ctx context.Context, conn *sql.Conn) (err error) {
		before, after, err = migrate(ctx, conn)
		return err
	})
	return before, after, err
}

// withAdmin calls do with a connection of its own, on which a statement may take long.
func withAdmin(ctx context.Context, cfg database.Config, do func(context.Context, *sql.Conn) error) error {
	slow := cfg
	slow.Timeout = max(cfg.Timeout, 2*migrateWait)
	db := newConnector(slow, slog.New(slog.DiscardHandler)).pool(1)
	defer db.Close()
	connecting, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	conn, err := db.Conn(connecting)
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(ctx, conn)
}

func status(ctx context.Context, conn *sql.Conn) (Schema, error) {
	st := Schema{Newest: len(migrations)}
	ours, foreign, err := tables(ctx, conn)
	if err != nil || !ours {
		if err == nil && foreign != "" {
			err = fmt.Errorf("%w: the database holds tables of another program, such as %q: give ark-server a database of its own", ErrSchema, foreign)
		}
		return st, err
	}
	err = conn.QueryRowContext(ctx, "SELECT COALESCE(MAX(version),0), COALESCE(MAX(oldest),0) FROM ark_schema").Scan(&st.Version, &st.Oldest)
	if err != nil {
		return st, fmt.Errorf("read the schema version: %w", err)
	}
	return st, nil
}

// tables says whether the database is ours, and otherwise names a table in it.
func tables(ctx context.Context, conn *sql.Conn) (ours bool, foreign string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE()")
	if err != nil {
		return false, "", fmt.Errorf("list the tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false, "", fmt.Errorf("list the tables: %w", err)
		}
		if strings.EqualFold(name, "ark_schema") {
			ours = true
		} else {
			foreign = name
		}
	}
	if err := rows.Err(); err != nil {
		return false, "", fmt.Errorf("list the tables: %w", err)
	}
	return ours, foreign, nil
}

func migrate(ctx context.Context, conn *sql.Conn) (before, after Schema, err error) {
	if before, err = status(ctx, conn); err != nil || before.Pending() == 0 {
		return before, before, err
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, migrateLock, int(migrateWait/time.Second)).Scan(&got); err != nil {
		return before, before, fmt.Errorf("wait for other migrations: %w", err)
	}
	if got.Int64 != 1 {
		return before, before, fmt.Errorf("another ark-server has been migrating this database for %s: wait for it, or look for its session in SHOW PROCESSLIST", migrateWait)
	}
	defer func() {
		if _, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), migrateUnlock); unlockErr != nil {
			discard(conn) // the lock goes with the session
		}
	}()
	// Somebody else may have done it meanwhile.
	if after, err = status(ctx, conn); err != nil {
		return before, after, err
	}
	if _, err := conn.ExecContext(ctx, ddl(historyTable)); err != nil {
		return before, after, ddlError(err)
	}
	for after.Version < len(migrations) {
		m := migrations[after.Version]
		for _, statement := range m.split() {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return before, after, fmt.Errorf("migrate to schema version %d: %w", after.Version+1, ddlError(err))
			}
		}
		if _, err := conn.ExecContext(ctx, "INSERT INTO ark_schema VALUES (?,?,"+nowMillis+")", after.Version+1, m.oldest); err != nil {
			return before, after, fmt.Errorf("note schema version %d: %w", after.Version+1, err)
		}
		after.Version++
		after.Oldest = m.oldest
	}
	return before, after, nil
}

// ddlError says what is missing for a migration.
func ddlError(err error) error {
	switch {
	case number(err) == errTableDenied || number(err) == errAccessDB:
		return fmt.Errorf("the user may not create or alter tables: run ark-server migrate up with one who may, or GRANT CREATE, ALTER, INDEX on the database: %w", err)
	case isReadOnly(err):
		return fmt.Errorf("%w: %w", errReplica, err)
	}
	return err
}

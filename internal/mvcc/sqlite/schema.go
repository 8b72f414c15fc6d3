package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks our files ("ARKs").
const applicationID = 0x41524b73

// migrations lead from each schema version to the next; version n has had the
// first n. Once released they never change.
var migrations = []string{`
CREATE TABLE log (
	id            INTEGER PRIMARY KEY,        -- revision << 20 | position in it
	key           BLOB    NOT NULL,
	value         BLOB,                       -- NULL where the row tells of a delete
	created       INTEGER NOT NULL,           -- id of the row that created the key
	version       INTEGER NOT NULL,           -- puts since then; 0 tells of a delete
	lease         INTEGER NOT NULL,
	prev          INTEGER NOT NULL,           -- revision of the row replaced, 0 for none
	at            INTEGER NOT NULL,           -- milliseconds since 1970
	user          TEXT,
	groups        TEXT,
	impersonator  TEXT,
	user_agent    TEXT,
	field_manager TEXT,
	audit_id      TEXT,
	verb          TEXT
) STRICT;
CREATE TABLE state (
	created INTEGER PRIMARY KEY,              -- id of the row that created a live key
	id      INTEGER NOT NULL                  -- id of the key's newest row
) STRICT;
CREATE TABLE lease (
	id       INTEGER PRIMARY KEY,
	ttl      INTEGER NOT NULL,                -- seconds, as granted
	deadline INTEGER NOT NULL                 -- milliseconds since 1970
) STRICT;
CREATE TABLE meta (
	name  TEXT    NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 0), ('pruned', 0);
`, `
ALTER TABLE log   ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0; -- checksum.go; 0 for a row without
ALTER TABLE lease ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta VALUES ('store', random()); -- what marks remember the database by
INSERT INTO meta VALUES ('quiet', 1);        -- 1 where the file, without its write-ahead log, has everything
`}

// Rows of the table meta.
const (
	metaCompacted = "compacted"
	metaPruned    = "pruned"
	metaQuiet     = "quiet"
	metaStore     = "store"
	// markedVersion is the first schema version with the last two.
	markedVersion = 2
)

// identify returns the file's schema version, 0 for a file that is new, empty or not
// there, or says why it must not be touched. It changes nothing, but rolls back what a killed process had
// begun.
func identify(ctx context.Context, path string) (int, error) {
	if fileSize(path) == 0 {
		return 0, nil // SQLite would delete the write-ahead log of an empty file
	}
	version, err := identifyOnce(ctx, path)
	var se *sqlitelib.Error
	if errors.As(err, &se) && se.Code() == sqlite3.SQLITE_READONLY_ROLLBACK {
		if err := rollBack(ctx, path); err != nil {
			return 0, fmt.Errorf("roll back what a killed process had begun: %w", err)
		}
		version, err = identifyOnce(ctx, path)
	}
	return version, err
}

func identifyOnce(ctx context.Context, path string) (int, error) {
	c, err := connectReadOnly(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.close() }() // it only reads
	return c.identify(ctx)
}

// rollBack undoes the transaction of a process that is gone, whose journal a connection
// that only reads cannot use. SQLite does it before the first read.
func rollBack(ctx context.Context, path string) error {
	db, conn, err := connect(ctx, path)
	if err != nil {
		return err
	}
	var tables int
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables)
	return errors.Join(err, conn.Close(), db.Close())
}

func (c *connection) identify(ctx context.Context) (int, error) {
	var app, version, tables int
	for query, into := range map[string]*int{
		"PRAGMA application_id":              &app,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := c.QueryRowContext(ctx, query).Scan(into); err != nil {
			return 0, err
		}
	}
	switch {
	case app != applicationID && (tables > 0 || app != 0 || version != 0):
		return 0, errors.New("it is an SQLite database of another program: choose another path")
	case version > len(migrations):
		return 0, fmt.Errorf("a newer ark-server wrote it (schema version %d, this one knows up to %d): run that release or a later one, or choose another path", version, len(migrations))
	}
	return version, nil
}

// migrate leads the file from a schema version to the newest.
func migrate(ctx context.Context, db *sql.Conn, version int) error {
	if version == len(migrations) {
		return nil
	}
	steps := append([]string{"BEGIN IMMEDIATE"}, migrations[version:]...)
	steps = append(steps,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", len(migrations)),
		"COMMIT")
	if _, err := db.ExecContext(ctx, strings.Join(steps, ";\n")); err != nil {
		_, _ = db.ExecContext(ctx, "ROLLBACK") // the first error says more
		return fmt.Errorf("migrate from schema version %d to %d: %w", version, len(migrations), err)
	}
	return nil
}

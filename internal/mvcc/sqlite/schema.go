package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
	sqlitelib "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks our files ("ARKs").
const applicationID = 0x41524b73

// ours is the schema that the engine works with.
var ours = schema.Schema{Migrations: []schema.Migration{{Title: "create the tables", Demands: 1, SQL: `
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
`}, {Title: "tell damaged and missing rows", Demands: 2, SQL: `
ALTER TABLE log   ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0; -- checksum.go; 0 for a row without
ALTER TABLE lease ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta VALUES ('store', random()); -- what marks remember the database by
INSERT INTO meta VALUES ('quiet', 1);        -- 1 where the file, without its write-ahead log, has everything
`}, {Title: "add side tables", Demands: 1, SQL: `
CREATE TABLE side (
	id       INTEGER PRIMARY KEY,             -- greater than that of every row before, of any table
	tbl      TEXT    NOT NULL,                -- the name of the side table
	key      BLOB    NOT NULL,
	at       INTEGER NOT NULL,                -- milliseconds since 1970
	data     BLOB    NOT NULL,
	checksum INTEGER NOT NULL                 -- checksum.go
) STRICT;
CREATE INDEX side_key  ON side (tbl, key);    -- both end with the id
CREATE INDEX side_time ON side (tbl, at);
CREATE TABLE side_table (
	name   TEXT    NOT NULL PRIMARY KEY,
	rows   INTEGER NOT NULL,
	bytes  INTEGER NOT NULL,                  -- of keys and data
	digest INTEGER NOT NULL                   -- the sum of its rows' digests, by which missing rows show
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('side', 0);          -- the newest id that was assigned
`}}}

// Rows of the table meta.
const (
	metaCompacted = "compacted"
	metaPruned    = "pruned"
	metaQuiet     = "quiet"
	metaStore     = "store"
	metaSide      = "side"
	// markedVersion is the first schema version with quiet and store, sideVersion that with side.
	markedVersion = 2
	sideVersion   = 3
)

// identify returns the file's schema version, 0 for a file that is new, empty or not there, or says
// why it must not be touched. It changes nothing, but rolls back what a killed process had begun.
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
	st, err := ours.Status(ctx, migrator{c.Conn})
	return st.Version, err
}

// migrator is a schema.Session. A migration is one transaction.
type migrator struct{ *sql.Conn }

// Version implements schema.Session. A file demands what has been made of it.
func (m migrator) Version(ctx context.Context) (version, demands int, err error) {
	var app, tables int
	for query, into := range map[string]*int{
		"PRAGMA application_id":              &app,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := m.QueryRowContext(ctx, query).Scan(into); err != nil {
			return 0, 0, err
		}
	}
	if app != applicationID && (tables > 0 || app != 0 || version != 0) {
		return 0, 0, &database.FaultError{Fault: database.FaultForeign, Err: errors.New("it is an SQLite database of another program: choose another path")}
	}
	return version, version, nil
}

func (m migrator) exec(ctx context.Context, statement string) error {
	_, err := m.ExecContext(ctx, statement)
	return err
}

// Begin implements schema.Session.
func (m migrator) Begin(ctx context.Context) error { return m.exec(ctx, "BEGIN IMMEDIATE") }

// End implements schema.Session.
func (m migrator) End(ctx context.Context, err error) error {
	if err == nil {
		err = m.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = m.exec(context.WithoutCancel(ctx), "ROLLBACK") // the first error says more
	}
	return err
}

// Create implements schema.Session.
func (m migrator) Create(ctx context.Context) error {
	return m.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
}

// Apply implements schema.Session.
func (m migrator) Apply(ctx context.Context, _ int, step schema.Migration) error {
	return m.exec(ctx, step.SQL)
}

// Record implements schema.Session.
func (m migrator) Record(ctx context.Context, version int, _ schema.Migration) error {
	return m.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
}

// Denied implements schema.Session.
func (m migrator) Denied(error) bool { return false }

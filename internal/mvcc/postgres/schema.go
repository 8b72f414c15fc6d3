package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
)

// migration leads from one schema version to the next; version n has had the first
// n. Once released it never changes.
type migration struct {
	title string
	// demands is the lowest version that a program must know to use the result.
	demands int
	sql     string
}

var migrations = []migration{{"create the tables", 1, `
CREATE TABLE ark_log (
	id            bigint PRIMARY KEY,    -- revision << 20 | position in it
	key           bytea  NOT NULL,
	value         bytea,                 -- NULL where the row tells of a delete
	created       bigint NOT NULL,       -- id of the row that created the key
	version       bigint NOT NULL,       -- puts since then; 0 tells of a delete
	lease         bigint NOT NULL,
	prev          bigint NOT NULL,       -- revision of the row replaced, 0 for none
	at            bigint NOT NULL,       -- milliseconds since 1970
	batch         bigint NOT NULL,       -- the batch that wrote the row
	"user"        text,
	groups        text,
	impersonator  text,
	user_agent    text,
	field_manager text,
	audit_id      text,
	verb          text
) WITH (toast_tuple_target = 8160);      -- rows up to a page are kept as they are: see decision 11
CREATE TABLE ark_state (
	created bigint PRIMARY KEY,          -- id of the row that created a live key
	id      bigint NOT NULL              -- id of the key's newest row
) WITH (fillfactor = 80);
CREATE TABLE ark_lease (
	id       bigint PRIMARY KEY,
	ttl      bigint NOT NULL,            -- seconds, as granted
	deadline bigint NOT NULL,            -- milliseconds since 1970
	change   bigint NOT NULL,            -- the change that granted, renewed or ended it
	gone     bigint                      -- when it ended; NULL while it has not
);
CREATE INDEX ark_lease_change ON ark_lease (change);
CREATE TABLE ark_meta (
	name  text   PRIMARY KEY,
	value bigint NOT NULL
);
INSERT INTO ark_meta VALUES
	('change', 0),                       -- batches with leases or a compaction
	('compacted', 0),
	('pruned', 0),                       -- rows are deleted up to this revision
	('forgotten', 0);                    -- ended leases are deleted up to this change
CREATE TABLE ark_maintainer (
	name   text        PRIMARY KEY,
	holder bigint      NOT NULL,         -- the replica that expires and prunes
	until  timestamptz NOT NULL
);
INSERT INTO ark_maintainer VALUES ('maintainer', 0, '-infinity');
`}, {"let a key live once", 1, `
ALTER TABLE ark_state ADD COLUMN key_hash bytea; -- mvcc.KeyHash; NULL where a release without it wrote the row
CREATE UNIQUE INDEX ark_state_key ON ark_state (key_hash);
`}, {"know a history by its batches", 1, `
INSERT INTO ark_meta VALUES             -- besides rows 'writer N': the newest batch of a writer up to 'witnessed'
	('store', ('x' || left(replace(gen_random_uuid()::text, '-', ''), 12) || '0000')::bit(64)::bigint), -- mvcc.State.Store
	('witnessed', 0),                    -- what 'pruned' was when writers were last recorded
	('unwitnessed', 0)                   -- the writers of revisions up to this one are not recorded
ON CONFLICT DO NOTHING;
`}}

// migrateLock keeps migrations apart: a transaction-level advisory lock.
const migrateLock = 0x41524b_73_00000001

// Grants is what the role that the server runs as needs, once another has
// migrated. The role's name follows.
const Grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ark_log, ark_state, ark_lease, ark_meta, ark_maintainer TO"

// Status compares the schema of a database with this program's. It changes
// nothing, and needs no more than the server itself.
func Status(ctx context.Context, cfg database.Config) (database.SchemaStatus, error) {
	s := newServer(cfg)
	conn, err := s.connect(ctx)
	if err != nil {
		return database.SchemaStatus{}, err
	}
	defer closeSession(ctx, conn)
	return s.status(ctx, conn)
}

// Migrate leads the database to the newest schema that this program knows, and
// returns what there was before. Several may run at a time. It needs the right to
// create tables in the first schema of the search path.
func Migrate(ctx context.Context, cfg database.Config) (database.SchemaStatus, error) {
	s := newServer(cfg)
	conn, err := s.connect(ctx)
	if err != nil {
		return database.SchemaStatus{}, err
	}
	defer closeSession(ctx, conn)
	before, err := s.migrate(ctx, conn, migrations)
	if err != nil {
		return before, s.explain(err)
	}
	return before, nil
}

// status reads the schema version, within a transaction or without.
func (s server) status(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (database.SchemaStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	st := database.SchemaStatus{Known: len(migrations)}
	var exists bool
	// That it reads a table makes the session hear of tables created since it looked
	// last, while it waited for another migration.
	if err := q.QueryRow(ctx, "SELECT to_regclass('ark_schema') IS NOT NULL FROM pg_namespace LIMIT 1").Scan(&exists); err != nil {
		return st, fmt.Errorf("read the schema version: %w", err)
	}
	if exists {
		if err := q.QueryRow(ctx, "SELECT coalesce(max(version), 0), coalesce(max(demands), 0) FROM ark_schema").Scan(&st.Version, &st.Demands); err != nil {
			return st, s.explain(fmt.Errorf("read the schema version: %w", err))
		}
	}
	for i := st.Version; i < len(migrations); i++ {
		st.Pending = append(st.Pending, migrations[i].title)
	}
	return st, st.Check()
}

// migrate applies what is missing of steps, all in one transaction.
func (s server) migrate(ctx context.Context, conn *pgx.Conn, steps []migration) (database.SchemaStatus, error) {
	var before database.SchemaStatus
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return before, fmt.Errorf("begin to migrate: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after the commit it does nothing
	// A migration may take long, and others wait for it.
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5min'"); err != nil {
		return before, fmt.Errorf("begin to migrate: %w", err)
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrateLock)); err != nil {
		return before, fmt.Errorf("wait for another migration: %w", err)
	}
	if before, err = s.status(ctx, tx); err != nil || before.Version >= len(steps) {
		return before, err
	}
	if before.Version == 0 {
		if err := unclaimed(ctx, tx); err != nil {
			return before, err
		}
		if _, err := tx.Exec(ctx, `CREATE TABLE ark_schema (
			version int PRIMARY KEY,
			demands int NOT NULL,       -- the version that a program must know
			title   text NOT NULL,
			at      timestamptz NOT NULL DEFAULT clock_timestamp())`); err != nil {
			return before, fmt.Errorf("create the table of schema versions: %w", err)
		}
		// Whoever may use the database may see how old its schema is.
		if _, err := tx.Exec(ctx, "GRANT SELECT ON ark_schema TO PUBLIC"); err != nil {
			return before, fmt.Errorf("let others read the schema version: %w", err)
		}
	}
	for i := before.Version; i < len(steps); i++ {
		m := steps[i]
		if _, err := tx.Exec(ctx, m.sql); err != nil {
			return before, fmt.Errorf("migrate to schema version %d (%s): %w", i+1, m.title, err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO ark_schema (version, demands, title) VALUES ($1, $2, $3)", i+1, m.demands, m.title); err != nil {
			return before, fmt.Errorf("record schema version %d: %w", i+1, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return before, fmt.Errorf("commit the migration: %w", err)
	}
	return before, nil
}

// unclaimed sees to it that none of our tables is another program's.
func unclaimed(ctx context.Context, tx pgx.Tx) error {
	var table *string
	err := tx.QueryRow(ctx, `SELECT min(n) FROM unnest(ARRAY['ark_log','ark_state','ark_lease','ark_meta','ark_maintainer']) n
		WHERE to_regclass(n) IS NOT NULL`).Scan(&table)
	if err != nil {
		return fmt.Errorf("look for tables: %w", err)
	}
	if table != nil {
		return fmt.Errorf("the database has a table %s but no ark_schema, so it is not ours: name another database or schema", *table)
	}
	return nil
}

// usable sees to it that the database has a schema that the engine can work with,
// and migrates if it may.
func (s server) usable(ctx context.Context, conn *pgx.Conn, mayMigrate bool) error {
	st, err := s.status(ctx, conn)
	if err != nil {
		return err
	}
	if len(st.Pending) == 0 {
		return s.privileged(ctx, conn)
	}
	byHand := func(problem string) error {
		return &database.MigrationError{Problem: problem, As: "a role that may create tables", Grant: Grants + " the role of the server"}
	}
	if !mayMigrate {
		return byHand(fmt.Sprintf("the database has schema version %d, version %d is needed", st.Version, st.Known))
	}
	_, err = s.migrate(ctx, conn, migrations)
	if c := code(err); c == codeNoPrivilege || c == codeNoSchema {
		return errors.Join(byHand("the role may not migrate the database"), err)
	}
	return err
}

// privileged sees to it that the role may read and write: without, all but reads would fail
// as long as the server runs.
func (s server) privileged(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var role string
	var lacks *string
	if err := conn.QueryRow(ctx, `SELECT current_user, string_agg(p || ' on ' || t, ', ') FROM unnest(ARRAY['ark_log','ark_state','ark_lease','ark_meta','ark_maintainer']) t
		JOIN unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) p ON NOT has_table_privilege(t, p)`).Scan(&role, &lacks); err != nil {
		return fmt.Errorf("read the role's privileges: %w", err)
	}
	if lacks != nil {
		return fmt.Errorf("the role lacks %s: let the tables' owner %s %q", *lacks, Grants, role)
	}
	return nil
}

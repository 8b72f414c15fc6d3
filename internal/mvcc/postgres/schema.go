package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
)

var migrations = []schema.Migration{{Title: "create the tables", Demands: 1, SQL: `
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
`}, {Title: "let a key live once", Demands: 1, SQL: `
ALTER TABLE ark_state ADD COLUMN key_hash bytea; -- mvcc.KeyHash; NULL where a release without it wrote the row
CREATE UNIQUE INDEX ark_state_key ON ark_state (key_hash);
`}, {Title: "know a history by its batches", Demands: 1, SQL: `
INSERT INTO ark_meta VALUES             -- besides rows 'writer N': the newest batch of a writer up to 'witnessed'
	('store', ('x' || left(replace(gen_random_uuid()::text, '-', ''), 12) || '0000')::bit(64)::bigint), -- mvcc.State.Store
	('witnessed', 0),                    -- what 'pruned' was when writers were last recorded
	('unwitnessed', 0)                   -- the writers of revisions up to this one are not recorded
ON CONFLICT DO NOTHING;
`}, {Title: "add side tables", Demands: 1, SQL: `
CREATE TABLE ark_side (
	id   bigint PRIMARY KEY,             -- greater than that of every row before, of any table
	tbl  text   COLLATE "C" NOT NULL,    -- the name of the side table
	key  bytea  NOT NULL,
	at   bigint NOT NULL,                -- milliseconds since 1970
	data bytea  NOT NULL
);
CREATE INDEX ark_side_key ON ark_side (tbl, key, id);
CREATE INDEX ark_side_time ON ark_side (tbl, at, id);
CREATE TABLE ark_side_batch (            -- the newest batch of each writer
	writer  bigint NOT NULL,
	seq     bigint NOT NULL,             -- counts its attempts
	newest  bigint NOT NULL,             -- the newest id that was assigned by then; 0 where the batch was given up
	deleted text   NOT NULL,             -- how many rows each of its deletes took, with a space behind each number
	PRIMARY KEY (writer, seq)
);
CREATE INDEX ark_side_batch_newest ON ark_side_batch (newest);
DO $$                                    -- who may use the log may use these
DECLARE role text;
BEGIN
	FOR role IN SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
		WHERE c.oid = 'ark_log'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
	LOOP
		EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ark_side, ark_side_batch TO ' || role;
	END LOOP;
END $$;
`}}

// sideVersion is the first schema version with side tables.
const sideVersion = 4

// migrateLock keeps migrations apart: a transaction-level advisory lock.
const migrateLock = 0x41524b_73_00000001

// ourTables are those that the migrations make.
var ourTables = []string{"ark_log", "ark_state", "ark_lease", "ark_meta", "ark_maintainer", "ark_side", "ark_side_batch"}

// Grants is what the role that the server runs as needs, once another has
// migrated. The role's name follows.
const Grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ark_log, ark_state, ark_lease, ark_meta, ark_maintainer, ark_side, ark_side_batch TO"

// ours is the schema that the engine works with.
var ours = schema.Schema{Migrations: migrations, Who: "a role that may create tables", Grant: Grants + " the role of the server"}

// Status compares the schema of a database with this program's. It changes
// nothing, and needs no more than the server itself.
func Status(ctx context.Context, cfg database.Config) (st database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(s *migrator) (err error) {
		st, err = ours.Status(ctx, s)
		return err
	})
	return st, err
}

// Migrate leads the database to the newest schema that this program knows, and
// returns what there was before. Several may run at a time. It needs the right to
// create tables in the first schema of the search path.
func Migrate(ctx context.Context, cfg database.Config) (before database.SchemaStatus, err error) {
	err = withSession(ctx, cfg, func(s *migrator) (err error) {
		before, err = ours.Migrate(ctx, s)
		return err
	})
	return before, err
}

func withSession(ctx context.Context, cfg database.Config, do func(*migrator) error) error {
	s := newServer(cfg)
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeSession(ctx, conn)
	if err := do(&migrator{server: s, conn: conn}); err != nil {
		return s.explain(err)
	}
	return nil
}

// migrator is a schema.Session. A migration is one transaction.
type migrator struct {
	server
	conn *pgx.Conn
}

// Version implements schema.Session.
func (s *migrator) Version(ctx context.Context) (version, demands int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var exists bool
	// That it reads a table makes the session hear of tables created since it looked
	// last, while it waited for another migration.
	err = s.conn.QueryRow(ctx, "SELECT to_regclass('ark_schema') IS NOT NULL FROM pg_namespace LIMIT 1").Scan(&exists)
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema version: %w", err)
	}
	if !exists {
		return 0, 0, nil
	}
	columns := named.Columns{named.Col("coalesce(max(version), 0)", &version), named.Col("coalesce(max(demands), 0)", &demands)}
	if err := s.conn.QueryRow(ctx, "SELECT "+columns.String()+" FROM ark_schema").Scan(columns.Into()...); err != nil {
		return 0, 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version, demands, nil
}

// Begin implements schema.Session.
func (s *migrator) Begin(ctx context.Context) error {
	// A migration may take long, and others wait for it.
	for _, statement := range []string{beginStatement, "SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = '5min'", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", migrateLock)} {
		if _, err := s.conn.Exec(ctx, statement); err != nil {
			return s.End(ctx, err)
		}
	}
	return nil
}

// End implements schema.Session.
func (s *migrator) End(ctx context.Context, err error) error {
	if err != nil {
		_, _ = s.conn.Exec(context.WithoutCancel(ctx), "ROLLBACK") // the first error says more
		return err
	}
	if _, err := s.conn.Exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit the migration: %w", err)
	}
	return nil
}

// Create implements schema.Session.
func (s *migrator) Create(ctx context.Context) error {
	var table *string
	err := s.conn.QueryRow(ctx, "SELECT min(n) FROM unnest($1::text[]) n WHERE to_regclass(n) IS NOT NULL", ourTables).Scan(&table)
	if err == nil && table != nil {
		err = schema.Foreign(*table)
	}
	if err != nil {
		return err
	}
	// Whoever may use the database may see how old its schema is.
	_, err = s.conn.Exec(ctx, `CREATE TABLE ark_schema (
		version int PRIMARY KEY,
		demands int NOT NULL,       -- the version that a program must know
		title   text NOT NULL,
		at      timestamptz NOT NULL DEFAULT clock_timestamp());
	GRANT SELECT ON ark_schema TO PUBLIC`)
	return err
}

// Apply implements schema.Session.
func (s *migrator) Apply(ctx context.Context, _ int, m schema.Migration) error {
	_, err := s.conn.Exec(ctx, m.SQL)
	return err
}

var recordStatement = named.Dollars("INSERT INTO ark_schema (version, demands, title) VALUES (:version, :demands, :title)")

// Record implements schema.Session.
func (s *migrator) Record(ctx context.Context, version int, m schema.Migration) error {
	_, err := s.conn.Exec(ctx, recordStatement.Text, recordStatement.Args(named.Arg("version", version), named.Arg("demands", m.Demands), named.Arg("title", m.Title))...)
	return err
}

// Denied implements schema.Session.
func (s *migrator) Denied(err error) bool {
	c := code(err)
	return c == codeNoPrivilege || c == codeNoSchema
}

// usable sees to it that the database has a schema that the engine can work with,
// and migrates if it may.
func (s server) usable(ctx context.Context, conn *pgx.Conn, mayMigrate bool) error {
	before, err := ours.Ensure(ctx, &migrator{server: s, conn: conn}, mayMigrate)
	if err != nil || len(before.Pending) > 0 {
		return err
	}
	return s.privileged(ctx, conn)
}

// privileged sees to it that the role may read and write: without, all but reads would fail
// as long as the server runs.
func (s server) privileged(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var role string
	var lacks *string
	columns := named.Columns{named.Col("current_user", &role), named.Col("string_agg(p || ' on ' || t, ', ')", &lacks)}
	if err := conn.QueryRow(ctx, "SELECT "+columns.String()+` FROM unnest($1::text[]) t
		JOIN unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) p ON NOT has_table_privilege(t, p)`, ourTables).Scan(columns.Into()...); err != nil {
		return fmt.Errorf("read the role's privileges: %w", err)
	}
	if lacks != nil {
		return &database.FaultError{Fault: database.FaultNoRights, Err: fmt.Errorf("the role lacks %s: let the tables' owner %s %q", *lacks, Grants, role)}
	}
	return nil
}

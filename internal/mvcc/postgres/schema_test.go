package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
	"github.com/mckinsey/ark-server/internal/sqltest"
	"golang.org/x/sync/errgroup"
)

// execute runs statements as the user of cfg.
func execute(t *testing.T, cfg database.Config, statements ...string) {
	t.Helper()
	conn, err := newServer(cfg).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestMigrate(t *testing.T) {
	cfg := shared.Database(t)
	st, err := Status(t.Context(), cfg)
	if err != nil || st.Version != 0 || st.Known != len(migrations) || len(st.Pending) != len(migrations) {
		t.Fatalf("%+v, %v", st, err)
	}
	if _, err := Open(t.Context(), cfg, Options{NoMigrate: true}); err == nil || !strings.Contains(err.Error(), "migrate it as") {
		t.Fatalf("got %v, want what to run", err)
	}
	var g errgroup.Group
	for range 4 {
		g.Go(func() error { _, err := Migrate(t.Context(), cfg); return err })
		g.Go(func() error {
			e, err := Open(t.Context(), cfg, Options{})
			if err != nil {
				return err
			}
			return e.Close()
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	st, err = Status(t.Context(), cfg)
	if err != nil || st.Version != len(migrations) || len(st.Pending) != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	e, err := Open(t.Context(), cfg, Options{NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNewerSchema: a schema from the future is used if it says that it may be, also by a
// replica that runs while the database is migrated.
func TestNewerSchema(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	defer e.Close()
	// All that writes: puts, leases, compaction, pruning.
	everything := func() {
		t.Helper()
		at := enginetest.PositionOf(t, e)
		enginetest.CommitNext(t, e, fmt.Sprint(at.Revision))
		at = enginetest.PositionOf(t, e)
		if err := e.Commit(t.Context(), &mvcc.Batch{ID: 1, Base: at, Leases: []mvcc.Lease{{ID: 1, TTL: 1}}, RevokedLeases: []mvcc.LeaseID{2}, Compacted: at.Revision}); err != nil {
			t.Fatal(err)
		}
		_, err := e.Prune(t.Context(), 0, at.Revision)
		if err := errors.Join(err, e.forget(t.Context(), farFuture)); err != nil {
			t.Fatal(err)
		}
		if mine, err := e.Maintain(t.Context(), time.Minute); err != nil || !mine {
			t.Fatal(mine, err)
		}
		enginetest.SideWorks(t, e)
	}
	everything()
	conn, err := newServer(cfg).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	known := len(migrations)
	add := ""
	for _, table := range ourTables {
		add += "ALTER TABLE " + table + " ADD COLUMN note text;"
	}
	future := append(slices.Clone(migrations), schema.Migration{Title: "add columns", Demands: known, SQL: add})
	if _, err := (schema.Schema{Migrations: future}).Migrate(t.Context(), &migrator{server: newServer(cfg), conn: conn}); err != nil {
		t.Fatal(err)
	}
	everything()
	open(t, cfg).Close()
	future = append(future, schema.Migration{Title: "drop a column", Demands: known + 2, SQL: "ALTER TABLE ark_log DROP COLUMN at"})
	if _, err := (schema.Schema{Migrations: future}).Migrate(t.Context(), &migrator{server: newServer(cfg), conn: conn}); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"open":    func() error { _, err := Open(t.Context(), cfg, Options{}); return err },
		"status":  func() error { _, err := Status(t.Context(), cfg); return err },
		"migrate": func() error { _, err := Migrate(t.Context(), cfg); return err },
		"bump":    func() error { _, err := Bump(t.Context(), cfg, 10); return err },
	} {
		err := try()
		for _, w := range []string{"newer ark-server", fmt.Sprintf("schema version %d", known+2), "run that release"} {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v does not say %q", name, err, w)
			}
		}
	}
}

// TestFailedMigration: it leaves nothing.
func TestFailedMigration(t *testing.T) {
	cfg := shared.Database(t)
	conn, err := newServer(cfg).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	bad := append(slices.Clone(migrations), schema.Migration{Title: "fail", Demands: 1, SQL: "SELECT 1/0"})
	if _, err := (schema.Schema{Migrations: bad}).Migrate(t.Context(), &migrator{server: newServer(cfg), conn: conn}); err == nil || !strings.Contains(err.Error(), "(fail)") {
		t.Fatalf("got %v", err)
	}
	if st, err := Status(t.Context(), cfg); err != nil || st.Version != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestForeignTable(t *testing.T) {
	cfg := shared.Database(t)
	execute(t, cfg, "CREATE TABLE ark_log (trees int)")
	if _, err := Open(t.Context(), cfg, Options{}); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Fatalf("got %v, want a refusal", err)
	}
}

// TestLimitedRole: the engine needs no more than rights on the rows; without the
// tables it says what to run.
func TestLimitedRole(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	admin := s.Database(t)
	execute(t, admin, "CREATE ROLE runner LOGIN", "REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO runner")
	cfg := admin
	cfg.User = "runner"
	_, err := Open(t.Context(), cfg, Options{})
	if err == nil || !strings.Contains(err.Error(), "may not migrate") || !strings.Contains(err.Error(), "migrate it as") || !strings.Contains(err.Error(), "GRANT SELECT") {
		t.Fatalf("got %v, want what to run", err)
	}
	if _, err := Migrate(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	execute(t, admin, Grants+" runner")
	if st, err := Status(t.Context(), cfg); err != nil || len(st.Pending) != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	a, b := open(t, cfg), open(t, cfg)
	defer a.Close()
	defer b.Close()
	enginetest.SideWorks(t, a)
	at := mvcc.Position{Revision: 1}
	batch := enginetest.PutBatch(at, "k", "v")
	batch.Leases = []mvcc.Lease{{ID: 1, TTL: 1}}
	batch.RevokedLeases = []mvcc.LeaseID{2}
	if err := a.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if there, err := b.Settle(t.Context(), batch); err != nil || !there {
		t.Fatal(there, err)
	}
	at = enginetest.PositionOf(t, b)
	if err := b.InTurn(t.Context(), func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) {
		return &mvcc.Batch{Base: at, Compacted: at.Revision}, nil
	}); err != nil {
		t.Fatal(err)
	}
	ok, err := a.Maintain(t.Context(), 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	_, pruned := a.Prune(t.Context(), 0, at.Revision)
	if err := errors.Join(pruned, a.forget(t.Context(), farFuture)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Load(t.Context(), func(*mvcc.KeyValue) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Size(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Bump(t.Context(), cfg, 10); err != nil {
		t.Fatal(err)
	}
}

// TestSchemas: two stores in schemas of one database do not meet.
func TestSchemas(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	admin := s.Database(t)
	execute(t, admin, "CREATE ROLE a LOGIN", "CREATE SCHEMA a AUTHORIZATION a", "CREATE ROLE b LOGIN", "CREATE SCHEMA b AUTHORIZATION b", "DROP SCHEMA public")
	none := admin
	if _, err := Open(t.Context(), none, Options{}); err == nil || !strings.Contains(err.Error(), "schema") {
		t.Errorf("got %v, want that there is no schema", err)
	}
	engines := map[string]*Engine{}
	for _, user := range []string{"a", "b"} {
		cfg := admin
		cfg.User = user
		engines[user] = open(t, cfg)
		defer engines[user].Close()
	}
	if engines["a"].lock == engines["b"].lock || engines["a"].channel == engines["b"].channel {
		t.Error("they share a lock or a channel")
	}
	if err := engines["a"].Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
	if at := enginetest.PositionOf(t, engines["b"]); at.Revision != 1 {
		t.Errorf("b is at %+v", at)
	}
}

// TestSettingsAreClassified: nobody has overlooked a setting of this server.
func TestSettingsAreClassified(t *testing.T) {
	settings, err := sqltest.ReadSettings(filepath.Join("testdata", "settings.txt"))
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, shared.Database(t))
	defer e.Close()
	rows, err := e.readers.Query(t.Context(), "SELECT name FROM pg_settings")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 300 {
		t.Fatalf("%d settings, %v", len(names), err)
	}
	if list := settings.Unclassified(names); len(list) > 0 {
		t.Errorf("add these to testdata/settings.txt, each with what keeps it from doing harm: %s", strings.Join(list, " "))
	}
}

// TestHarmfulSettings: what a session cannot set for itself is refused at the start.
func TestHarmfulSettings(t *testing.T) {
	cfg := localDatabase(t)
	open(t, cfg).Close()
	for setting, want := range map[string]string{
		"zero_damaged_pages = on": "zero_damaged_pages=on", "ignore_checksum_failure = on": "ignore_checksum_failure=on",
		"default_transaction_read_only = on": "only reads",
	} {
		name, _, _ := strings.Cut(setting, " ")
		execute(t, cfg, "ALTER DATABASE "+pgx.Identifier{cfg.Name}.Sanitize()+" SET "+setting)
		if _, err := Open(t.Context(), cfg, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", setting, err)
		}
		// The administrator's own database does not have the setting.
		admin := cfg
		admin.Name = "postgres"
		execute(t, admin, "ALTER DATABASE "+pgx.Identifier{cfg.Name}.Sanitize()+" RESET "+name)
	}
}

// TestCapacity: limits that leave too few connections are named at the start.
func TestCapacity(t *testing.T) {
	cfg := localDatabase(t)
	open(t, cfg).Close()
	role := fmt.Sprintf("few_%d", time.Now().UnixNano())
	execute(t, cfg, "CREATE ROLE "+role+" LOGIN SUPERUSER CONNECTION LIMIT 6")
	defer execute(t, cfg, "DROP ROLE "+role)
	few := cfg
	few.User = role
	if _, err := Open(t.Context(), few, Options{}); err == nil || !strings.Contains(err.Error(), "may have 6 connections") || !strings.Contains(err.Error(), "CONNECTION LIMIT -1") {
		t.Errorf("got %v", err)
	}
	few.MaxConnections = 6
	e := open(t, few)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
}

// TestServerDefaults: the engine does not depend on the defaults of role, database and
// server.
func TestServerDefaults(t *testing.T) {
	cfg := shared.Database(t)
	name := func() string {
		conn, err := newServer(cfg).connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		var name string
		if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		return pgx.Identifier{name}.Sanitize()
	}()
	for _, setting := range []string{
		"default_transaction_isolation = 'serializable'", "synchronous_commit = off", "statement_timeout = 500", "lock_timeout = 500",
		"bytea_output = 'escape'", "enable_indexscan = off", "datestyle = 'German'", "timezone = 'Asia/Kathmandu'", "default_transaction_deferrable = on",
		"idle_in_transaction_session_timeout = 50", "client_encoding = 'LATIN1'", "transform_null_equals = on", "enable_nestloop = off",
	} {
		execute(t, cfg, "ALTER DATABASE "+name+" SET "+setting)
	}
	e := open(t, cfg)
	defer e.Close()
	conn, err := e.writer.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var isolation, synchronous string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('transaction_isolation'), current_setting('synchronous_commit')").Scan(&isolation, &synchronous); err != nil {
		t.Fatal(err)
	}
	conn.Release()
	if isolation != "read committed" || synchronous != "on" {
		t.Errorf("%s, %s", isolation, synchronous)
	}
	at := mvcc.Position{Revision: 1}
	if err := e.Commit(t.Context(), enginetest.PutBatch(at, "k", "v")); err != nil {
		t.Fatal(err)
	}
	enginetest.SideWorks(t, e)
	// As after a pooler has changed servers.
	conn, err = e.writer.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "RESET default_transaction_isolation"); err != nil {
		t.Fatal(err)
	}
	conn.Release()
	at.Revision++
	if err := e.Commit(t.Context(), enginetest.PutBatch(at, "l", "v")); !errors.Is(err, errUnfit) || errors.Is(err, mvcc.ErrUnknownOutcome) {
		t.Errorf("got %v, want a refusal", err)
	}
	if now := enginetest.PositionOf(t, e); now != at {
		t.Errorf("at %+v, want %+v", now, at)
	}
	var unfit []*pgxpool.Conn
	for range upkeepConnections {
		conn, err := e.upkeep.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		unfit = append(unfit, conn)
		if _, err := conn.Exec(t.Context(), "RESET default_transaction_isolation"); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range unfit {
		conn.Release()
	}
	row := &mvcc.SideBatch{Writer: 1, Sequence: 1, Ops: []*mvcc.SideOp{{Rows: []mvcc.SideRow{{Table: "unfit"}}}}}
	if err := e.SideCommit(t.Context(), row); !errors.Is(err, errUnfit) || errors.Is(err, mvcc.ErrUnknownOutcome) {
		t.Errorf("side rows: got %v, want a refusal", err)
	}
	if n, err := e.SideCount(t.Context(), mvcc.SidePrefix("unfit", nil)); err != nil || n != 0 {
		t.Errorf("%d side rows, %v", n, err)
	}
}

// TestNoChecksums: the start warns, once, of a server that cannot tell damaged pages.
func TestNoChecksums(t *testing.T) {
	for _, none := range []bool{false, true} {
		var text strings.Builder
		log := slog.New(slog.NewTextHandler(&text, nil))
		e, err := Open(t.Context(), ownServer(t, sqltest.Options{NoChecksums: none}).Database(t), Options{Log: log})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		var checksums string
		if err := e.readers.QueryRow(t.Context(), "SELECT current_setting('data_checksums')").Scan(&checksums); err != nil {
			t.Fatal(err)
		}
		want := 0
		if checksums == "off" {
			want = 1
		}
		if n := strings.Count(text.String(), "pg_checksums --enable"); n != want || !none && want != 0 {
			t.Errorf("data_checksums=%s: %d warnings: %s", checksums, n, text.String())
		}
	}
}

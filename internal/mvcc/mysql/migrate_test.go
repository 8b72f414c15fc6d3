package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
	"github.com/mckinsey/ark-server/internal/sqltest"
	"golang.org/x/sync/errgroup"
)

// limitedUser migrates the database, and returns the configuration, which cfg then is
// too, of a user with no more rights than the server needs.
func limitedUser(t *testing.T, s *sqltest.Server, cfg *database.Config) database.Config {
	t.Helper()
	if _, err := Migrate(t.Context(), *cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(),
		"CREATE USER IF NOT EXISTS limited@'%' IDENTIFIED BY 'hush-hush'",
		Grants+" `"+cfg.Name+"`.* TO limited@'%'"); err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Password = "limited", "hush-hush"
	return *cfg
}

// must says what an error must tell.
func must(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("the error shows a password: %v", err)
	}
}

// TestLimitedUser: who may only read and write rows can do everything but migrate.
func TestLimitedUser(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true})
	admin := s.Database(t)
	cfg := admin
	if err := s.Exec(t.Context(), "CREATE USER limited@'%' IDENTIFIED BY 'hush-hush'", Grants+" `"+cfg.Name+"`.* TO limited@'%'"); err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Password = "limited", "hush-hush"
	_, err := Open(t.Context(), cfg, quiet)
	must(t, err, "may not migrate", "migrate it as", Grants)
	_, err = Open(t.Context(), cfg, Options{NoMigrate: true, Log: quiet.Log})
	must(t, err, "schema version 0", fmt.Sprintf("version %d is needed", len(migrations)), "migrate it as")
	limitedUser(t, s, &admin)
	e, err := Open(t.Context(), cfg, Options{NoMigrate: true, Log: quiet.Log})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	e = open(t, cfg)
	if ok, err := e.Maintain(t.Context(), time.Minute); !ok || err != nil {
		t.Error(ok, err)
	}
	store, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := store.LeaseGrant(t.Context(), 0, 60)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k"), Value: fmt.Append(nil, i), Lease: lease.ID}}}, mvcc.Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.LeaseRevoke(t.Context(), lease.ID, mvcc.Actor{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Compact(t.Context(), store.Revision(), true); err != nil {
		t.Fatal(err)
	}
	if size, err := store.Size(t.Context()); err != nil || size.Total == 0 {
		t.Error(size, err)
	}
	enginetest.SideWorks(t, e)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err := Bump(t.Context(), cfg, 10); err != nil || st.Revision != 15 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestMigrateAtOnce: replicas that start at the same time migrate once.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	if st, err := Status(t.Context(), cfg); err != nil || st.Version != 0 || st.Known != len(migrations) || len(st.Pending) != len(migrations) {
		t.Errorf("%+v, %v", st, err)
	}
	var g errgroup.Group
	for range 5 {
		g.Go(func() error {
			e, err := Open(t.Context(), cfg, quiet)
			if err != nil {
				return err
			}
			return e.Close()
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if st, err := Status(t.Context(), cfg); err != nil || st.Version != len(migrations) || len(st.Pending) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestInterruptedMigration: wherever a migration stops, the next one completes it
// and loses nothing.
func TestInterruptedMigration(t *testing.T) {
	t.Parallel()
	var all []string
	for _, m := range migrations {
		all = append(all, statementsOf(m)...)
	}
	cfg := server.Database(t)
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	conn := session(t, e)
	exec(t, conn, "DELETE FROM ark_schema")
	for n := range len(all) + 1 {
		exec(t, conn, "DELETE FROM ark_schema")
		for _, statement := range all[:n] {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil && number(err) != errDuplicateColumn {
				t.Fatal(err)
			}
		}
		if _, err := Migrate(t.Context(), cfg); err != nil {
			t.Fatalf("after %d statements: %v", n, err)
		}
	}
	if now := enginetest.PositionOf(t, e); now.Revision != 2 {
		t.Errorf("revision %d, want 2", now.Revision)
	}
	// From nothing, too.
	for n := range len(all) + 1 {
		exec(t, conn, "DROP TABLE ark_schema, "+strings.Join(ourTables, ", "))
		exec(t, conn, ddl(schemaTable))
		exec(t, conn, all[:n]...)
		if _, err := Migrate(t.Context(), cfg); err != nil {
			t.Fatalf("after %d statements: %v", n, err)
		}
	}
	enginetest.CommitNext(t, e, "k")
}

// TestNextSchema: what a newer release makes of the database is used or refused as that
// release says.
func TestNextSchema(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	conn := session(t, e)
	compatible := append(slices.Clone(migrations), schema.Migration{Title: "add columns", Demands: len(migrations), SQL: "CREATE TABLE IF NOT EXISTS ark_note (id INT PRIMARY KEY) §table§"})
	for _, table := range ourTables {
		compatible[len(migrations)].SQL += ";\nALTER TABLE " + table + " ADD COLUMN note TEXT FIRST"
	}
	if before, err := (schema.Schema{Migrations: compatible}).Migrate(t.Context(), &migrator{conn: conn}); err != nil || len(before.Pending) != 1 || before.Pending[0] != "add columns" {
		t.Fatalf("%+v, %v", before, err)
	}
	// All that writes goes on: puts, leases, compaction and pruning.
	enginetest.CommitNext(t, e, "while replicas are replaced")
	at := enginetest.PositionOf(t, e)
	everything := &mvcc.Batch{ID: 1, Base: at, Leases: []mvcc.Lease{{ID: 1, TTL: 1, Deadline: time.Now()}}, RevokedLeases: []mvcc.LeaseID{2}, Compacted: at.Revision}
	if err := e.Commit(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Prune(t.Context(), 0, at.Revision); err != nil {
		t.Fatal(err)
	}
	if mine, err := e.Maintain(t.Context(), time.Minute); err != nil || !mine {
		t.Fatal(mine, err)
	}
	enginetest.SideWorks(t, e)
	open(t, cfg).Close()
	if st, err := Status(t.Context(), cfg); err != nil || st.Version != len(migrations)+1 || st.Demands != len(migrations) {
		t.Errorf("%+v, %v", st, err)
	}
	breaking := append(slices.Clone(compatible), schema.Migration{Title: "break", Demands: len(migrations) + 2, SQL: "ALTER TABLE ark_note COMMENT 'x'"})
	if _, err := (schema.Schema{Migrations: breaking}).Migrate(t.Context(), &migrator{conn: conn}); err != nil {
		t.Fatal(err)
	}
	want := []string{"newer ark-server", fmt.Sprintf("schema version %d", len(migrations)+2), "run that release"}
	_, err := Open(t.Context(), cfg, quiet)
	must(t, err, want...)
	_, err = Open(t.Context(), cfg, Options{NoMigrate: true, Log: quiet.Log})
	must(t, err, want...)
	_, err = Migrate(t.Context(), cfg)
	must(t, err, want...)
	_, err = Bump(t.Context(), cfg, 1)
	must(t, err, want...)
}

// TestForeignTables: a table that looks like ours in a database that is not stays as
// it is, and so do those of others beside ours.
func TestForeignTables(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	err := withSession(t.Context(), cfg, func(ctx context.Context, conn *sql.Conn) error {
		exec(t, conn, "CREATE TABLE log (x INT)", "CREATE TABLE ark_state (recipe TEXT)")
		_, err := Open(ctx, cfg, quiet)
		must(t, err, "ark_state", "not ours", "another database")
		exec(t, conn, "SELECT recipe FROM ark_state", "DROP TABLE ark_state")
		e := open(t, cfg)
		defer e.Close()
		enginetest.CommitNext(t, e, "k")
		exec(t, conn, "SELECT x FROM log")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStorageEngine: a table that cannot do transactions is refused.
func TestStorageEngine(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	e := open(t, cfg)
	exec(t, session(t, e), "ALTER TABLE ark_state ENGINE=MyISAM ROW_FORMAT=DEFAULT")
	e.Close()
	_, err := Open(t.Context(), cfg, quiet)
	must(t, err, "ark_state", "MyISAM", "ALTER TABLE ark_state ENGINE=InnoDB")
}

// TestBump: a restored database hands out nothing again that has been before.
func TestBump(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	_, err := Bump(t.Context(), cfg, 10)
	must(t, err, "holds no store")
	e := open(t, cfg)
	store, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(store *mvcc.Store, key, value string) {
		t.Helper()
		if _, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte(value)}}}, mvcc.Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	put(store, "a", "1")
	put(store, "a", "2")
	put(store, "b", "1")
	if _, err := store.LeaseGrant(t.Context(), 7, 1000); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, by := range []int64{0, -1, rows.MaxRevision} {
		_, err := Bump(t.Context(), cfg, by)
		must(t, err, "revision 4", "choose 1 to")
	}
	st, err := Bump(t.Context(), cfg, 1000)
	if err != nil || st.Revision != 1004 || st.Compacted != 1004 || st.Pruned != 1004 || st.Change < 2 {
		t.Fatalf("%+v, %v", st, err)
	}
	store, err = mvcc.Open(t.Context(), open(t, cfg), mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if store.Revision() != 1004 || store.Compacted() != 1004 {
		t.Errorf("revision %d compacted %d", store.Revision(), store.Compacted())
	}
	put(store, "a", "3")
	res, err := store.Range(t.Context(), &mvcc.Range{Span: mvcc.Span{Key: []byte{0}, End: []byte{0}}})
	if err != nil || len(res.KVs) != 2 || string(res.KVs[0].Value) != "3" || res.KVs[0].ModRevision != 1005 || res.KVs[0].Version != 3 {
		t.Errorf("%+v, %v", res, err)
	}
	if ids := store.Leases(); len(ids) != 1 || ids[0] != 7 {
		t.Errorf("leases %v", ids)
	}
}

// TestWait: Open waits for a server that comes up, but not for ever, and not for what
// waiting cannot mend.
func TestWait(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true, NoTLS: true})
	cfg := s.Database(t)
	if err := s.Halt(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), cfg, quiet)
	must(t, err, "port "+strings.TrimPrefix(s.Address(), "127.0.0.1:"), "is it running?")
	begin := time.Now()
	_, err = Open(t.Context(), cfg, Options{Log: quiet.Log, Wait: 500 * time.Millisecond})
	must(t, err, "port "+strings.TrimPrefix(s.Address(), "127.0.0.1:"), "is it running?")
	if took := time.Since(begin); took < 200*time.Millisecond || took > time.Minute {
		t.Errorf("it waited %s", took)
	}
	opened := make(chan error, 1)
	go func() {
		e, err := Open(t.Context(), cfg, Options{Log: quiet.Log, Wait: time.Minute})
		if err == nil {
			err = e.Close()
		}
		opened <- err
	}()
	time.Sleep(300 * time.Millisecond)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	for _, tc := range []struct {
		change func(*database.Config)
		want   []string
	}{
		{func(c *database.Config) { c.User, c.Password = "nobody", "hush" }, []string{`user "nobody"`, "check the user, the password"}},
		{func(c *database.Config) { c.Name = "nowhere" }, []string{`"nowhere"`, "CREATE DATABASE `nowhere`"}},
		{func(c *database.Config) { c.TLS.Mode = database.TLSRequire }, []string{"offers no TLS"}},
		{func(c *database.Config) { c.PasswordFile = "/no/such/file" }, []string{"/no/such/file"}},
		{func(c *database.Config) { c.MaxConnections = 3 }, []string{"at least 4"}},
	} {
		c := cfg
		tc.change(&c)
		_, err := Open(t.Context(), c, Options{Log: quiet.Log, Wait: time.Hour})
		must(t, err, tc.want...)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the refusals took %s", took)
	}
}

// TestPasswordFile: a password that has been rotated serves the next connection.
func TestPasswordFile(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true})
	cfg := s.Database(t)
	limitedUser(t, s, &cfg)
	cfg.Password = ""
	cfg.PasswordFile = filepath.Join(t.TempDir(), "password")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cfg.PasswordFile, "hush-hush\n")
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	if err := s.Exec(t.Context(), "ALTER USER limited@'%' IDENTIFIED BY 'other'"); err != nil {
		t.Fatal(err)
	}
	killSessions(t, s, "limited")
	_, err := e.Read(t.Context())
	for range 3 { // the pool first tries those that it has
		if err != nil && number(err) != errAccess {
			_, err = e.Read(t.Context())
		}
	}
	must(t, err, "check the user, the password")
	write(cfg.PasswordFile, "other")
	enginetest.CommitNext(t, e, "l")
	// The same in a DSN.
	dsn := database.Config{DSNFile: filepath.Join(t.TempDir(), "dsn")}
	write(dsn.DSNFile, fmt.Sprintf("limited:other@tcp(%s)/%s\n", s.Address(), cfg.Name))
	e2 := open(t, dsn)
	defer e2.Close()
	enginetest.CommitNext(t, e2, "m")
	write(dsn.DSNFile, "limited:hush@@@tcp(")
	_, err = Open(t.Context(), dsn, quiet)
	must(t, err, "DSN", "user:password@tcp(host:port)/database")
	write(dsn.DSNFile, fmt.Sprintf("limited:other@tcp(%s)/\n", s.Address()))
	_, err = Open(t.Context(), dsn, quiet)
	must(t, err, "names no database")
}

// killSessions ends all sessions of a user.
func killSessions(t *testing.T, s *sqltest.Server, user string) {
	t.Helper()
	db := newConnector(database.Config{Host: s.Socket(), User: "root", Name: "mysql"}, quiet.Log).pool(1)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE user=? AND id<>CONNECTION_ID()", user)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := db.ExecContext(t.Context(), fmt.Sprint("KILL ", id)); err != nil && number(err) != 1094 { // it has ended
			t.Fatal(err)
		}
	}
}

// TestBegin: only a store that has never been written begins elsewhere, however many replicas start
// at once.
func TestBegin(t *testing.T) {
	cfg := server.Database(t)
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st, err := Begin(t.Context(), cfg, 1000); err != nil || st.Revision != 1001 || st.Compacted != 1001 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
}

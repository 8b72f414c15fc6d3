package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// TestSettingsAreClassified: nobody has overlooked a variable of this server.
func TestSettingsAreClassified(t *testing.T) {
	t.Parallel()
	settings, err := sqltest.ReadSettings(filepath.Join("testdata", "settings.txt"))
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, server.Database(t))
	defer e.Close()
	var names []string
	for _, scope := range []string{"GLOBAL", "SESSION"} {
		rows, err := e.readers.QueryContext(t.Context(), "SHOW "+scope+" VARIABLES")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				t.Fatal(err)
			}
			names = append(names, strings.ToLower(name))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 500 {
		t.Errorf("the server lists %d variables", len(names))
	}
	if list := settings.Unclassified(names); len(list) > 0 {
		t.Errorf("add these to testdata/settings.txt, each with what keeps it from doing harm: %s", strings.Join(list, " "))
	}
}

// TestHarmfulSettings: what a session cannot set for itself is refused or warned of at the start.
func TestHarmfulSettings(t *testing.T) {
	for _, tc := range []struct{ setting, value, before, want string }{
		{"innodb_flush_log_at_trx_commit", "2", "1", "before they are on disk"},
		{"max_connections", "10", "151", ""}, // exactly what it opens
	} {
		t.Run(tc.setting, func(t *testing.T) {
			s := ownServer(t, sqltest.Options{})
			cfg := s.Database(t)
			open(t, cfg).Close()
			if err := s.Exec(t.Context(), "SET GLOBAL "+tc.setting+"="+tc.value); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Exec(t.Context(), "SET GLOBAL "+tc.setting+"="+tc.before); err != nil {
					t.Error(err)
				}
			}()
			var text syncBuffer
			e, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.NewTextHandler(&text, nil))})
			if err == nil {
				enginetest.CommitNext(t, e, "k")
				err = e.Close()
			}
			if got := fmt.Sprint(err, text.String()); !strings.Contains(got, tc.want) {
				t.Errorf("got %s, want %q", got, tc.want)
			}
		})
	}
	t.Run("innodb_force_recovery", func(t *testing.T) {
		s := ownServer(t, sqltest.Options{NoFsync: true, Settings: []string{"--innodb-force-recovery=1"}})
		// MySQL takes no writes then, so that there is no database to make.
		_, err := Open(t.Context(), database.Config{Host: s.Socket(), User: "root", Name: "mysql"}, quiet)
		if err == nil || !strings.Contains(err.Error(), "innodb_force_recovery") && !errors.Is(err, errReplica) {
			t.Errorf("got %v", err)
		}
	})
}

// TestHostileSettings: a load is complete, and writes and reads are right, whatever defaults
// the server gives to sessions.
func TestHostileSettings(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true})
	cfg := s.Database(t)
	settings := []string{
		"sql_select_limit=3", "sql_safe_updates=1", "sql_big_selects=0", "max_join_size=1", "completion_type='RELEASE'",
		"sql_mode=''", "autocommit=0", "transaction_isolation='SERIALIZABLE'", "unique_checks=0", "time_zone='+11:00'",
		"innodb_lock_wait_timeout=1", "wait_timeout=3", "net_read_timeout=1", "net_write_timeout=1",
	}
	if sqltest.IsMariaDB() {
		settings = append(settings, "max_statement_time=0.001", "idle_transaction_timeout=1",
			"idle_write_transaction_timeout=1", "idle_readonly_transaction_timeout=1", "tx_read_only=1")
		for i, set := range settings {
			settings[i] = strings.Replace(set, "transaction_isolation", "tx_isolation", 1)
		}
	} else {
		settings = append(settings, "max_execution_time=1", "transaction_read_only=1")
	}
	for _, setting := range settings {
		if err := s.Exec(t.Context(), "SET GLOBAL "+setting); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { // for the administrator, who drops the database
		reset := []string{"SET GLOBAL " + strings.Replace(settings[len(settings)-1], "=1", "=0", 1)}
		if sqltest.IsMariaDB() {
			reset = append(reset, "SET GLOBAL max_statement_time=0")
		}
		if err := s.Exec(t.Context(), reset...); err != nil {
			t.Error(err)
		}
	}()
	e := open(t, cfg)
	const keys = 400
	at := enginetest.PositionOf(t, e)
	for i := range keys {
		b := enginetest.PutBatch(at, fmt.Sprintf("key-%03d", i), "value '\\ "+strings.Repeat("x", i))
		if err := e.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		at.Revision++
	}
	leases := &mvcc.Batch{ID: 77, Base: at}
	for i := range 20 {
		leases.Leases = append(leases.Leases, mvcc.Lease{ID: mvcc.LeaseID(i + 1), TTL: 60, Deadline: time.Now().Add(time.Hour)})
	}
	if err := e.Commit(t.Context(), leases); err != nil {
		t.Fatal(err)
	}
	at.Change++
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, cfg)
	defer e.Close()
	n := 0
	st, err := e.Load(t.Context(), func(kv *mvcc.KeyValue) error {
		if want := "value '\\ "; !strings.HasPrefix(string(kv.Value), want) {
			t.Errorf("%s: got %q", kv.Key, kv.Value)
		}
		n++
		return nil
	})
	if err != nil || n != keys || len(st.Leases) != 20 || st.Position != at {
		t.Errorf("loaded %d keys, %d leases, at %+v, want %+v: %v", n, len(st.Leases), st.Position, at, err)
	}
	revisions := 0
	if _, err := e.Events(t.Context(), 1, at.Revision, 1<<30, func(*mvcc.Commit) error { revisions++; return nil }); err != nil || revisions != keys {
		t.Errorf("%d revisions: %v", revisions, err)
	}
	if lc, err := e.LeaseChanges(t.Context(), -1); err != nil || len(lc.Set) != 20 {
		t.Errorf("%d leases: %v", len(lc.Set), err)
	}
	enginetest.SideWorks(t, e)
}

// TestStatementBinlog: a server that cannot log our writes is refused at the start with the fix,
// and where it is set so later, every failed write is known to have failed and its cause logged.
func TestStatementBinlog(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true, Settings: []string{"--log-bin=bin", "--server-id=1"}})
	cfg := s.Database(t)
	e := open(t, cfg)
	var text syncBuffer
	store, err := mvcc.Open(t.Context(), e, mvcc.Options{Log: slog.New(slog.NewTextHandler(&text, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func() error {
		_, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k"), Value: []byte("v")}}}, mvcc.Actor{})
		return err
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "SET GLOBAL binlog_format = 'STATEMENT'"); err != nil {
		t.Fatal(err)
	}
	killSessions(t, s, "root")
	failed := false
	for range 5 { // the first ones find their connection gone
		err := put()
		if err == nil {
			t.Fatal("the server takes writes with binlog_format=STATEMENT")
		}
		if number(err) == 1665 {
			failed = true
			if errors.Is(err, mvcc.ErrUnknownOutcome) {
				t.Errorf("a write that has failed is in doubt: %v", err)
			}
		}
	}
	if !failed {
		t.Error("no error 1665")
	}
	if got := text.String(); !strings.Contains(got, "the database takes no writes") || !strings.Contains(got, "error=") {
		t.Errorf("the log does not name the cause:\n%s", got)
	}
	if st := store.Stats(); st.Writes.Since.IsZero() || !strings.Contains(st.Writes.LastError, "1665") {
		t.Errorf("got %+v", st.Writes)
	}
	if _, err := Open(t.Context(), cfg, quiet); err == nil || !strings.Contains(err.Error(), "SET GLOBAL binlog_format = 'ROW'") {
		t.Errorf("open: got %v", err)
	}
	if err := s.Exec(t.Context(), "SET GLOBAL binlog_format = 'ROW'"); err != nil {
		t.Fatal(err)
	}
	killSessions(t, s, "root")
	for range 50 {
		if err = put(); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil || !strings.Contains(text.String(), "the database takes writes again") {
		t.Errorf("%v; log:\n%s", err, text.String())
	}
}

// TestCapacity: limits that leave too few connections are named at the start.
func TestCapacity(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true})
	cfg := s.Database(t)
	limited := limitedUser(t, s, &cfg)
	open(t, cfg).Close()
	if err := s.Exec(t.Context(), "ALTER USER limited@'%' WITH MAX_USER_CONNECTIONS 6"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), limited, quiet)
	must(t, err, "6 connections", "up to 10", "MAX_USER_CONNECTIONS 0")
	var limit *database.LimitError
	if !errors.As(err, &limit) || limit.Limit != database.LimitConnections || limit.Least != leastConnections {
		t.Errorf("got %#v", err)
	}
	limited.MaxConnections = 6
	e := open(t, limited)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
}

// TestFrozenTurn: a session that holds the counter and says nothing loses it, before others give
// up; one whose replica lives keeps it as long as it decides.
func TestFrozenTurn(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	cfg.Timeout = 8 * time.Second // others wait for 4 s
	e := open(t, cfg)
	defer e.Close()
	frozen := newConnector(cfg, quiet.Log).with(turnSettings)
	conn, err := frozen.pool(1).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, holdTurn, "START TRANSACTION", turnQuery)
	if err := e.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the frozen session lives")
	}

	err = e.InTurn(t.Context(), func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) {
		time.Sleep(3500 * time.Millisecond)
		return enginetest.PutBatch(at, "slow", "v"), nil
	})
	if err != nil {
		t.Error(err)
	}
	// The session goes on as before.
	for _, want := range []struct {
		variable string
		value    int
	}{{"wait_timeout", int(hangUp / time.Second)}, {"net_read_timeout", 8}} {
		var got int
		if err := e.writer.QueryRowContext(t.Context(), "SELECT @@"+want.variable).Scan(&got); err != nil || got != want.value {
			t.Errorf("%s is %d, want %d (%v)", want.variable, got, want.value, err)
		}
	}
}

// syncBuffer is a bytes.Buffer that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

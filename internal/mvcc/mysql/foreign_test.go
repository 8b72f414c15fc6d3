package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// session is a foreign one in the engine's database.
func session(t *testing.T, e *Engine) *sql.Conn {
	t.Helper()
	c := e.connector
	c.slow = true
	db := c.pool(1)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		db.Close()
	})
	return conn
}

func exec(t *testing.T, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestForeignSnapshot: a session that looks at an old snapshot stands in nobody's way.
func TestForeignSnapshot(t *testing.T) {
	t.Parallel()
	e := open(t, server.Database(t))
	defer e.Close()
	foreign := session(t, e)
	exec(t, foreign, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SELECT COUNT(*) FROM ark_log")
	at := mvcc.Position{Revision: 1}
	for i := range 100 {
		if err := e.Commit(t.Context(), enginetest.PutBatch(at, fmt.Sprint("k", i), "v")); err != nil {
			t.Fatal(err)
		}
		at.Revision++
	}
	if err := e.Commit(t.Context(), &mvcc.Batch{Base: at, Compacted: at.Revision}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Prune(t.Context(), 0, at.Revision); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := foreign.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ark_log").Scan(&n); err != nil || n != 0 {
		t.Errorf("the old snapshot shows %d rows, %v", n, err)
	}
}

// TestForeignLock: while a session holds the counter, writers fail within the time
// that is set, and reads go on.
func TestForeignLock(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	cfg.Timeout = 4 * time.Second
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	at := enginetest.PositionOf(t, e)
	foreign := session(t, e)
	exec(t, foreign, "START TRANSACTION", "SELECT * FROM ark_counter FOR UPDATE")
	for name, write := range map[string]func() error{
		"commit": func() error { return e.Commit(t.Context(), enginetest.PutBatch(at, "x", "v")) },
		"in turn": func() error {
			return e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return nil, nil })
		},
		"settle": func() error {
			_, err := e.Settle(t.Context(), enginetest.PutBatch(at, "x", "v"))
			return err
		},
	} {
		begin := time.Now()
		err := write()
		if number(err) != errLockWait || errors.Is(err, mvcc.ErrUnknownOutcome) {
			t.Errorf("%s: got %v, want that the lock was not to be had", name, err)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		if now := enginetest.PositionOf(t, e); now != at {
			t.Errorf("at %+v, want %+v", now, at)
		}
		n := 0
		if _, err := e.Load(t.Context(), func(*mvcc.KeyValue) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("%d keys, %v", n, err)
		}
		if last, err := e.Events(t.Context(), 1, at.Revision, 1<<20, func(*mvcc.Commit) error { return nil }); err != nil || last != at.Revision {
			t.Errorf("events up to %d, %v", last, err)
		}
	}
	exec(t, foreign, "ROLLBACK")
	enginetest.CommitNext(t, e, "y")
}

// TestDeadReplica: one whose machine dies in its turn does not keep the counter. Its
// session idles in a transaction, and the server ends it.
func TestDeadReplica(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	e := open(t, cfg)
	defer e.Close()
	dead := e.connector
	dead.timeout = 5 * time.Second
	conn, err := dead.pool(1).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var hangs int
	if err := conn.QueryRowContext(t.Context(), "SELECT @@wait_timeout").Scan(&hangs); err != nil || hangs != int(hangUp/time.Second) {
		t.Errorf("wait_timeout is %d, %v", hangs, err)
	}
	exec(t, conn, "SET wait_timeout = 1 /*M!100300 , idle_transaction_timeout = 1 */", "START TRANSACTION", turnQuery)
	b := enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")
	if err := e.Commit(t.Context(), b); err != nil { // waits for it
		t.Fatal(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the dead replica's session lives")
	}
}

// TestDemotedServer: a server that takes no more writes is not read either, for it may
// be behind; the connection that follows may lead to another one.
func TestDemotedServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	// Root may write whatever read_only says.
	limited := limitedUser(t, s, &cfg)
	e := open(t, cfg)
	defer e.Close()
	at := enginetest.PositionOf(t, e)
	if err := s.Exec(t.Context(), "SET GLOBAL read_only = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Read(t.Context()); !errors.Is(err, errReplica) {
		t.Errorf("read: got %v", err)
	}
	if err := e.Commit(t.Context(), enginetest.PutBatch(at, "k", "v")); !errors.Is(err, errReplica) || errors.Is(err, mvcc.ErrUnknownOutcome) {
		t.Errorf("commit: got %v", err)
	}
	if n := e.writer.Stats().OpenConnections + e.looks.Stats().OpenConnections; n > 1 {
		t.Errorf("%d connections to the demoted server are kept", n)
	}
	if _, err := Open(t.Context(), limited, Options{NoMigrate: true, Log: quiet.Log}); !errors.Is(err, errReplica) {
		t.Errorf("open: got %v", err)
	}
	if err := s.Exec(t.Context(), "SET GLOBAL read_only = 0"); err != nil {
		t.Fatal(err)
	}
	enginetest.CommitNext(t, e, "k")
}

// TestPacketTooSmall: a server that does not take objects of the largest size is refused at the
// start.
func TestPacketTooSmall(t *testing.T) {
	_, err := Open(t.Context(), server.Database(t), Options{Log: quiet.Log, MaxValueBytes: 600 << 20})
	var limit *database.LimitError
	if !errors.As(err, &limit) || limit.Limit != database.LimitValue {
		t.Errorf("got %T", err)
	}
	for _, want := range []string{"max_allowed_packet", "need 1259339776"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

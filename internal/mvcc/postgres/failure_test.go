package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// ownServer starts a server for a test that harms it.
func ownServer(t *testing.T, opts sqltest.Options) *sqltest.Server {
	t.Helper()
	return sqltest.Own(t, sqltest.StartPostgres, opts)
}

func TestKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	enginetest.KilledServer(t, s, e)
}

func TestCutConnection(t *testing.T) {
	e, p := proxied(t)
	enginetest.CutConnection(t, p, e, true)
}

func TestLateBatch(t *testing.T) {
	e, p := proxied(t)
	enginetest.LateBatch(t, p, e)
}

// proxied is an engine that reaches its server through a proxy.
func proxied(t *testing.T) (*Engine, *sqltest.Proxy) {
	t.Helper()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	t.Cleanup(func() { e.Close() })
	return e, p
}

// TestFrozenReplica: one that stops while it has the counter, or the lock of the side tables, does
// not keep it.
func TestFrozenReplica(t *testing.T) {
	for name, tc := range map[string]struct {
		lock  func(*Engine) int64
		write func(*testing.T, *Engine) error
	}{
		"counter": {func(e *Engine) int64 { return e.lock }, func(t *testing.T, e *Engine) error {
			return e.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v"))
		}},
		"side tables": {func(e *Engine) int64 { return e.side }, func(t *testing.T, e *Engine) error {
			return e.SideCommit(t.Context(), &mvcc.SideBatch{Writer: 1, Sequence: 1, Ops: []*mvcc.SideOp{{Rows: []mvcc.SideRow{{Table: "frozen"}}}}})
		}},
	} {
		t.Run(name, func(t *testing.T) { testFrozenReplica(t, tc.lock, tc.write) })
	}
}

func testFrozenReplica(t *testing.T, lock func(*Engine) int64, write func(*testing.T, *Engine) error) {
	cfg := shared.Database(t)
	cfg.Timeout = 3 * time.Second
	e := open(t, cfg)
	defer e.Close()
	frozen, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close(context.WithoutCancel(t.Context()))
	// Half a batch: the server has taken the counter and waits for the rest.
	pipeline := frozen.PgConn().StartPipeline(t.Context())
	pipeline.SendQueryParams("SELECT pg_advisory_xact_lock("+strconv.FormatInt(lock(e), 10)+")", nil, nil, nil, nil)
	pipeline.SendFlushRequest()
	if err := pipeline.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.GetResults(); err != nil {
		t.Fatal(err)
	}
	if err := write(t, e); err != nil {
		t.Fatal(err)
	}
	pipeline.SendPipelineSync()
	if err := errors.Join(pipeline.Flush(), pipeline.Close()); err == nil {
		t.Error("the frozen session lives")
	}
}

// TestFrozenTurn: the same for one that stops while it decides in its turn. Its own session ends,
// and one whose replica lives keeps its turn as long as it decides.
func TestFrozenTurn(t *testing.T) {
	cfg := shared.Database(t)
	cfg.Timeout = 6 * time.Second
	e := open(t, cfg)
	defer e.Close()
	frozen, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close(context.WithoutCancel(t.Context()))
	for _, statement := range []string{beginStatement, "SELECT pg_advisory_xact_lock(" + strconv.FormatInt(e.lock, 10) + ")"} {
		if _, err := frozen.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
	if err := frozen.Ping(t.Context()); err == nil {
		t.Error("the frozen session lives")
	}
	err = e.InTurn(t.Context(), func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) {
		time.Sleep(3500 * time.Millisecond)
		return enginetest.PutBatch(at, "slow", "v"), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBusyTurn: nobody ends the turn of a replica that is at work.
func TestBusyTurn(t *testing.T) {
	cfg := shared.Database(t)
	cfg.Timeout = 20 * time.Second
	a := open(t, cfg)
	defer a.Close()
	cfg.Timeout = 2 * time.Second
	b := open(t, cfg)
	defer b.Close()
	begun, refused := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- a.InTurn(t.Context(), func(ctx context.Context, at mvcc.Position) (*mvcc.Batch, error) {
			close(begun)
			<-refused
			return enginetest.PutBatch(at, "k", "v"), nil
		})
	}()
	<-begun
	if err := b.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err == nil {
		t.Error("the counter was free")
	}
	close(refused)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestForeignSnapshot: a session that looks at an old snapshot stands in nobody's way.
func TestForeignSnapshot(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	defer e.Close()
	foreign, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close(context.WithoutCancel(t.Context()))
	tx, err := foreign.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT count(*) FROM ark_log"); err != nil {
		t.Fatal(err)
	}
	at := mvcc.Position{Revision: 1}
	for i := range 300 {
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
	if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM ark_log").Scan(&n); err != nil || n != 0 {
		t.Errorf("the old snapshot shows %d rows, %v", n, err)
	}
}

// localDatabase is a database reached over TCP, as a proxy needs it.
func localDatabase(t *testing.T) database.Config {
	t.Helper()
	cfg := shared.Database(t)
	if cfg.DSNFile != "" {
		return ownServer(t, sqltest.Options{}).Database(t)
	}
	cfg.TLS.Mode = database.TLSDisable
	return cfg
}

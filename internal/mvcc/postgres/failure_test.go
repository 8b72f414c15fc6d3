package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// ownServer starts a server for a test that harms it.
func ownServer(t *testing.T, opts sqltest.PostgresOptions) *sqltest.PostgresServer {
	t.Helper()
	opts.Own = true
	s, err := sqltest.StartPostgres(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// putBatch writes one key on top of a position.
func putBatch(at mvcc.Position, key, value string) *mvcc.Batch {
	return &mvcc.Batch{ID: rand.Int64(), Base: at, Commits: []*mvcc.Commit{{Revision: at.Revision + 1, Time: time.Now(), Events: []mvcc.Event{{
		KV: &mvcc.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: at.Revision + 1, ModRevision: at.Revision + 1, Version: 1},
	}}}}}
}

func positionOf(t *testing.T, e *Engine) mvcc.Position {
	t.Helper()
	r, err := e.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Position
}

// TestKilledServer: a server that is killed again and again under a writer loses
// nothing acknowledged and keeps nothing refused; unknown outcomes are found out.
func TestKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.PostgresOptions{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	want := map[string]bool{} // whether the key must be there
	at := mvcc.Position{Revision: 1}
	unknown, down := 0, 0
	stop := make(chan struct{})
	writing := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				writing <- nil
				return
			default:
			}
			key := fmt.Sprint("k", i)
			b := putBatch(at, key, "v")
			err := e.Commit(t.Context(), b)
			switch {
			case err == nil:
				at.Revision++
				want[key] = true
				continue
			case errors.Is(err, mvcc.ErrUnknownOutcome):
				unknown++
				there, err := e.Settle(t.Context(), b)
				for err != nil {
					time.Sleep(20 * time.Millisecond)
					there, err = e.Settle(t.Context(), b)
				}
				want[key] = there
			default:
				down++
				want[key] = false
				time.Sleep(20 * time.Millisecond)
			}
			for {
				r, err := e.Read(t.Context())
				if err == nil {
					at = r.Position
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	for range 5 {
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond)
		s.Kill()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d keys, %d outcomes unknown, %d refusals", len(want), unknown, down)
	if unknown+down < 5 {
		t.Errorf("the writer noticed %d of 5 crashes", unknown+down)
	}
	have := map[string]bool{}
	st, err := e.Load(t.Context(), func(kv *mvcc.KeyValue) error { have[string(kv.Key)] = true; return nil })
	if err != nil || st.Position != at {
		t.Fatalf("%+v, %v; want %+v", st.Position, err, at)
	}
	for key, there := range want {
		if have[key] != there {
			t.Errorf("%s is there: %t, want %t", key, have[key], there)
		}
	}
	next := int64(1)
	if _, err := e.Events(t.Context(), 1, at.Revision, 1<<30, func(c *mvcc.Commit) error {
		if next++; c.Revision != next {
			return fmt.Errorf("revision %d, want %d", c.Revision, next)
		}
		return nil
	}); err != nil || next != at.Revision {
		t.Errorf("the log ends at %d, %v; want %d", next, err, at.Revision)
	}
}

// TestCutConnection: what is lost on the way to the server or back is unknown,
// and then found out; in a turn as well.
func TestCutConnection(t *testing.T) {
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	for _, inTurn := range []bool{false, true} {
		for _, tc := range []struct {
			act   sqltest.Meddling
			there bool
		}{{sqltest.CutRequest, false}, {sqltest.CutReply, true}, {sqltest.LoseReplies, true}} {
			at := positionOf(t, e)
			b := putBatch(at, "marker-key", "v")
			commit := func() error {
				if !inTurn {
					return e.Commit(t.Context(), b)
				}
				return e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return b, nil })
			}
			// A first one, so that the statements have been prepared.
			warm := putBatch(at, "other", "v")
			if err := e.Commit(t.Context(), warm); err != nil {
				t.Fatal(err)
			}
			if err := e.InTurn(t.Context(), func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) { return putBatch(at, "other", "v"), nil }); err != nil {
				t.Fatal(err)
			}
			at = positionOf(t, e)
			b = putBatch(at, "marker-key", "v")
			p.Meddle(tc.act, "marker-key")
			if err := commit(); !errors.Is(err, mvcc.ErrUnknownOutcome) {
				t.Fatalf("in turn %t, %d: got %v, want an unknown outcome", inTurn, tc.act, err)
			}
			there, err := e.Settle(t.Context(), b)
			if err != nil || there != tc.there {
				t.Fatalf("in turn %t, %d: there %t, %v; want %t", inTurn, tc.act, there, err, tc.there)
			}
			// And on it goes.
			if err := e.Commit(t.Context(), putBatch(positionOf(t, e), "after", "v")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLateBatch: a batch that reaches the server after Settle takes no effect.
func TestLateBatch(t *testing.T) {
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = time.Second
	e := open(t, cfg)
	defer e.Close()
	if err := e.Commit(t.Context(), putBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
	at := positionOf(t, e)
	b := putBatch(at, "marker-key", "late")
	p.Meddle(sqltest.Hold, "marker-key")
	if err := e.Commit(t.Context(), b); !errors.Is(err, mvcc.ErrUnknownOutcome) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	release := <-p.Held
	if there, err := e.Settle(t.Context(), b); err != nil || there {
		t.Fatalf("there %t, %v", there, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	<-p.Answered
	if now := positionOf(t, e); now.Revision != at.Revision {
		t.Errorf("revision %d after %d: the late batch took effect", now.Revision, at.Revision)
	}
	if err := e.Commit(t.Context(), putBatch(positionOf(t, e), "after", "v")); err != nil {
		t.Fatal(err)
	}
}

// TestFrozenReplica: one that stops while it has the counter does not keep it.
func TestFrozenReplica(t *testing.T) {
	cfg := shared.Database(t)
	cfg.Timeout = 500 * time.Millisecond
	e := open(t, cfg)
	defer e.Close()
	frozen, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close(context.WithoutCancel(t.Context()))
	// Half a batch: the server has taken the counter and waits for the rest.
	pipeline := frozen.PgConn().StartPipeline(t.Context())
	pipeline.SendQueryParams("SELECT pg_advisory_xact_lock("+strconv.FormatInt(e.lock, 10)+")", nil, nil, nil, nil)
	pipeline.SendFlushRequest()
	if err := pipeline.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.GetResults(); err != nil {
		t.Fatal(err)
	}
	b := putBatch(mvcc.Position{Revision: 1}, "k", "v")
	refusals := 0
	for err = e.Commit(t.Context(), b); err != nil; err = e.Commit(t.Context(), b) {
		if errors.Is(err, mvcc.ErrUnknownOutcome) || code(err) != codeLockTimeout {
			t.Fatalf("got %v, want a refusal", err)
		}
		if refusals++; refusals > 20 {
			t.Fatal(err)
		}
	}
	if refusals == 0 {
		t.Error("the counter was free")
	}
	pipeline.SendPipelineSync()
	if err := errors.Join(pipeline.Flush(), pipeline.Close()); err == nil {
		t.Error("the frozen session lives")
	}
}

// TestBusyTurn: nobody ends the turn of a replica that is at work.
func TestBusyTurn(t *testing.T) {
	cfg := shared.Database(t)
	a := open(t, cfg)
	defer a.Close()
	cfg.Timeout = 300 * time.Millisecond
	b := open(t, cfg)
	defer b.Close()
	begun := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- a.InTurn(t.Context(), func(ctx context.Context, at mvcc.Position) (*mvcc.Batch, error) {
			close(begun)
			time.Sleep(200 * time.Millisecond)
			return putBatch(at, "k", "v"), nil
		})
	}()
	<-begun
	if err := b.Commit(t.Context(), putBatch(mvcc.Position{Revision: 1}, "k", "v")); err == nil {
		t.Error("the counter was free")
	}
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
		if err := e.Commit(t.Context(), putBatch(at, fmt.Sprint("k", i), "v")); err != nil {
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
		return ownServer(t, sqltest.PostgresOptions{}).Database(t)
	}
	cfg.TLS.Mode = database.TLSDisable
	return cfg
}

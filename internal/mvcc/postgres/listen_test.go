package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// eventually waits for something that takes its time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestNotifications: a replica alone tells nobody of its batches; as soon as
// another listens it does, and is not woken by its own.
func TestNotifications(t *testing.T) {
	cfg := shared.Database(t)
	a := open(t, cfg)
	defer a.Close()
	eventually(t, "a hears itself", a.listener.hears)
	if a.listener.wanted() {
		t.Error("a tells of its batches, though nobody listens")
	}
	b := open(t, cfg)
	defer b.Close()
	eventually(t, "a knows of b", a.listener.wanted)
	eventually(t, "b hears itself", b.listener.hears)
	drain := func(e *Engine) {
		select {
		case <-e.listener.woken:
		default:
		}
	}
	drain(a)
	drain(b)
	if err := a.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.listener.woken:
	case <-time.After(time.Minute):
		t.Fatal("b has not been told")
	}
	// What comes later on the same channel has come after the batch.
	before := a.listener.own.Load()
	if _, err := a.upkeep.Exec(t.Context(), "SELECT pg_notify($1, $2)", a.channel, helloPrefix+a.listener.payload); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a hears itself again", func() bool { return a.listener.own.Load() != before })
	select {
	case <-a.listener.woken:
		t.Error("a has been woken by its own batch")
	default:
	}
}

// TestLostListener: a broken connection is replaced, and until then the replica looks
// often, and tells of its batches in any case.
func TestLostListener(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	defer e.Close()
	eventually(t, "it hears itself", e.listener.hears)
	execute(t, cfg, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	eventually(t, "it has noticed", func() bool { return !e.listener.hears() })
	if !e.listener.wanted() {
		t.Error("it does not tell of its batches")
	}
	begin := time.Now()
	n := 0
	for ; !e.listener.hears(); n++ {
		e.Await(t.Context())
	}
	if most := time.Since(begin) / 2; time.Duration(n)*pauseBusy > 2*most+time.Second {
		t.Errorf("%d looks in %s", n, time.Since(begin))
	}
	if n < 3 {
		t.Errorf("%d looks in %s", n, time.Since(begin))
	}
}

// TestPause: looks come soon after something has been found and less often while
// nothing is.
func TestPause(t *testing.T) {
	var p polling
	for i, want := range []time.Duration{10, 20, 40, 50, 50} {
		if got := p.next(5); got != want*time.Millisecond {
			t.Errorf("look %d: %s, want %d ms", i, got, want)
		}
	}
	for _, newest := range []int64{6, 7} {
		if got := p.next(newest); got != pauseBusy {
			t.Errorf("after a change: %s", got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &Engine{listener: &listener{woken: make(chan struct{})}}
	e.Await(ctx) // returns at once
}

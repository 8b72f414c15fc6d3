package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// PutBatch creates one key on top of a position.
func PutBatch(at mvcc.Position, key, value string) *mvcc.Batch {
	return &mvcc.Batch{ID: rand.Int64(), Base: at, Commits: []*mvcc.Commit{{Revision: at.Revision + 1, Time: time.Now(), Events: []mvcc.Event{{
		KV: &mvcc.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: at.Revision + 1, ModRevision: at.Revision + 1, Version: 1},
	}}}}}
}

// PositionOf is where the database is.
func PositionOf(t *testing.T, e mvcc.Shared) mvcc.Position {
	t.Helper()
	return read(t, e).Position
}

// CommitNext commits a key on top of whatever there is.
func CommitNext(t *testing.T, e mvcc.Shared, key string) {
	t.Helper()
	if err := e.Commit(t.Context(), PutBatch(PositionOf(t, e), key, "v")); err != nil {
		t.Fatal(err)
	}
}

// Mortal is a server that a test kills.
type Mortal interface {
	Kill()
	Restart(context.Context) error
}

// KilledServer: a server that is killed again and again under a writer loses
// nothing acknowledged and keeps nothing refused; unknown outcomes are found out. The
// engine's database is empty.
func KilledServer(t *testing.T, s Mortal, e mvcc.Shared) {
	w := &survivor{engine: e, at: mvcc.Position{Revision: 1}, want: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := 0; ctx.Err() == nil; i++ {
			w.write(t.Context(), fmt.Sprint("k", i))
		}
	}()
	// goesOn waits until the writer has written again.
	goesOn := func() {
		t.Helper()
		before := w.written.Load()
		for deadline := time.Now().Add(time.Minute); w.written.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no write for a minute")
			}
		}
	}
	for range 5 {
		goesOn()
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		s.Kill()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	goesOn()
	stop()
	<-writing
	t.Logf("%d keys, %d outcomes unknown, %d refusals", len(w.want), w.unknown, w.down)
	if w.unknown+w.down == 0 {
		t.Error("the writer noticed none of 5 crashes")
	}
	w.check(t)
}

// survivor writes whatever happens, and knows what must be there.
type survivor struct {
	engine        mvcc.Shared
	at            mvcc.Position
	want          map[string]bool
	unknown, down int
	written       atomic.Int64
}

func (w *survivor) write(ctx context.Context, key string) {
	b := PutBatch(w.at, key, "v")
	err := w.engine.Commit(ctx, b)
	switch {
	case err == nil:
		w.at.Revision++
		w.want[key] = true
		w.written.Add(1)
		return
	case errors.Is(err, mvcc.ErrUnknownOutcome):
		w.unknown++
		there, err := w.engine.Settle(ctx, b)
		for err != nil && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			there, err = w.engine.Settle(ctx, b)
		}
		w.want[key] = there
	default:
		w.down++
		w.want[key] = false
		time.Sleep(20 * time.Millisecond)
	}
	for ctx.Err() == nil {
		r, err := w.engine.Read(ctx)
		if err == nil {
			w.at = r.Position
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *survivor) check(t *testing.T) {
	t.Helper()
	have := map[string]bool{}
	st, err := w.engine.Load(t.Context(), func(kv *mvcc.KeyValue) error { have[string(kv.Key)] = true; return nil })
	if err != nil || st.Position != w.at {
		t.Fatalf("%+v, %v; want %+v", st.Position, err, w.at)
	}
	for key, there := range w.want {
		if have[key] != there {
			t.Errorf("%s is there: %t, want %t", key, have[key], there)
		}
	}
	next := int64(1)
	if _, err := w.engine.Events(t.Context(), 1, w.at.Revision, 1<<30, func(c *mvcc.Commit) error {
		if next++; c.Revision != next {
			return fmt.Errorf("revision %d, want %d", c.Revision, next)
		}
		return nil
	}); err != nil || next != w.at.Revision {
		t.Errorf("the log ends at %d, %v; want %d", next, err, w.at.Revision)
	}
}

// CutConnection: what is lost on the way to the server or back is unknown, and then
// found out; in a turn as well. The engine reaches its server through the proxy. whole says
// that the server has a whole batch before it answers any of it.
func CutConnection(t *testing.T, p *sqltest.Proxy, e mvcc.Shared, whole bool) {
	least := int64(0)
	if whole {
		least = 1
	}
	for _, inTurn := range []bool{false, true} {
		for i, tc := range []struct {
			act         sqltest.Meddling
			least, most int64 // revisions written
		}{{sqltest.CutRequest, 0, 0}, {sqltest.LoseReplies, 1, 1}, {sqltest.CutReply, least, 1}} {
			// First ones in both ways, so that statements have been prepared.
			name := fmt.Sprint(inTurn, i)
			CommitNext(t, e, name+"before")
			if err := e.InTurn(t.Context(), func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) {
				return PutBatch(at, name+"before, in turn", "v"), nil
			}); err != nil {
				t.Fatal(err)
			}
			at := PositionOf(t, e)
			b := PutBatch(at, name+"marker-key", "v")
			p.Meddle(tc.act, "marker-key")
			var err error
			if inTurn {
				err = e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return b, nil })
			} else {
				err = e.Commit(t.Context(), b)
			}
			if !errors.Is(err, mvcc.ErrUnknownOutcome) {
				t.Fatalf("in turn %t, %d: got %v, want an unknown outcome", inTurn, tc.act, err)
			}
			there, err := e.Settle(t.Context(), b)
			wrote := PositionOf(t, e).Revision - at.Revision
			if err != nil || there != (wrote == 1) || wrote < tc.least || wrote > tc.most {
				t.Fatalf("in turn %t, %d: there %t, %v, with %d revisions written; want %d to %d", inTurn, tc.act, there, err, wrote, tc.least, tc.most)
			}
			CommitNext(t, e, name+"after")
		}
	}
}

// LateBatch: a batch that reaches the server after Settle takes no effect. The engine
// reaches its server through the proxy.
func LateBatch(t *testing.T, p *sqltest.Proxy, e mvcc.Shared) {
	CommitNext(t, e, "k")
	at := PositionOf(t, e)
	b := PutBatch(at, "marker-key", "late")
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
	if now := PositionOf(t, e); now.Revision != at.Revision {
		t.Errorf("revision %d after %d: the late batch took effect", now.Revision, at.Revision)
	}
	CommitNext(t, e, "after")
}

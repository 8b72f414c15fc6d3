package mvcc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// pair opens two replicas on a database in memory, each with a script of faults. It is called in
// a synctest bubble; the replicas are closed when the test ends.
func pair(t *testing.T, opts mvcc.Options) (db *memengine.Database, stores [2]*mvcc.Store, scripts [2]*memengine.Script) {
	t.Helper()
	db = memengine.New(memengine.Options{})
	opts.Log = slog.New(slog.DiscardHandler)
	for i := range stores {
		scripts[i] = &memengine.Script{}
		s, err := mvcc.Open(t.Context(), db.Replica(scripts[i].Intercept), opts)
		if err != nil {
			t.Fatal(err)
		}
		stores[i] = s
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return db, stores, scripts
}

func canRead(t *testing.T, s *mvcc.Store) error {
	t.Helper()
	_, err := s.Range(t.Context(), &mvcc.Range{Span: all})
	return err
}

// TestMissingRevisions: a follower that finds a hole in the log names it, and shows nothing of
// what came behind it.
func TestMissingRevisions(t *testing.T) {
	for name, hole := range map[string]int64{"at the start": 2, "in the middle": 3, "at the end": 4} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, s, script := pair(t, mvcc.Options{})
				script[1].Always(memengine.OpRead, memengine.Refuse) // b does not follow
				for i := range 3 {
					put(t, s[0], "k", fmt.Sprint(i))
				}
				db.Damage(hole)
				script[1].Always(memengine.OpRead, nil)
				err := canRead(t, s[1])
				if !errors.Is(err, mvcc.ErrUnavailable) || !strings.Contains(err.Error(), fmt.Sprintf("revision %d is missing", hole)) {
					t.Errorf("got %v, want that revision %d is missing", err, hole)
				}
				if got := s[1].Revision(); got >= hole {
					t.Errorf("revision %d is published", got)
				}
			})
		})
	}
}

// TestFollowerReadsLargeLogsInParts: what another replica has written is published though it is
// more than a follower reads at a time.
func TestFollowerReadsLargeLogsInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, script := pair(t, mvcc.Options{})
		script[1].Always(memengine.OpRead, memengine.Refuse)
		value := strings.Repeat("v", 3<<20)
		for i := range 4 {
			put(t, s[0], fmt.Sprint("k", i), value)
		}
		script[1].Always(memengine.OpRead, nil)
		if got, want := read(t, s[1], 0), read(t, s[0], 0); got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}

// TestFollowerFails: whatever fails while a replica follows, readers are refused and nothing is
// published; the next look publishes all.
func TestFollowerFails(t *testing.T) {
	for _, tc := range []struct {
		op  memengine.Op
		say string
	}{
		{memengine.OpRead, "read the newest revision"},
		{memengine.OpLeaseChanges, "read the leases changed"},
		{memengine.OpEvents, "read the log after revision 1"},
		{memengine.OpLoad, "load the store again"},
	} {
		t.Run(string(tc.op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, s, script := pair(t, mvcc.Options{})
				script[1].Always(memengine.OpRead, memengine.Refuse)
				if _, err := s[0].LeaseGrant(t.Context(), 1, 60); err != nil {
					t.Fatal(err)
				}
				put(t, s[0], "k", "1")
				put(t, s[0], "k", "2")
				if tc.op == memengine.OpLoad { // what b has missed is pruned
					if err := s[0].Compact(t.Context(), 3, true); err != nil {
						t.Fatal(err)
					}
					if at := db.Reading(); at.Pruned != 2 {
						t.Fatalf("%+v", at)
					}
				}
				script[1].Always(memengine.OpRead, nil)
				script[1].Always(tc.op, memengine.Refuse)
				err := canRead(t, s[1])
				if !errors.Is(err, mvcc.ErrUnavailable) || !errors.Is(err, memengine.ErrCut) || !strings.Contains(err.Error(), tc.say) {
					t.Errorf("got %v, want that it could not %s", err, tc.say)
				}
				if got := s[1].Revision(); got != 1 {
					t.Errorf("revision %d is published", got)
				}
				script[1].Always(tc.op, nil)
				if got, want := read(t, s[1], 0), read(t, s[0], 0); got != want {
					t.Errorf("%q, want %q", got, want)
				}
				if _, err := s[1].Lease(1, false); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestClocks: leases go by the database's clock from the first moment on, whatever the replica's
// own clock says.
func TestClocks(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := memengine.New(memengine.Options{})
				open := func() *mvcc.Store {
					s, err := mvcc.Open(t.Context(), db.Replica(nil), mvcc.Options{Now: func() time.Time { return time.Now().Add(skew) }})
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				s := open()
				l, err := s.LeaseGrant(t.Context(), 1, 60)
				if want := time.Now().Add(time.Minute); err != nil || !l.Deadline.Equal(want) {
					t.Errorf("granted until %s, %v; want %s", l.Deadline, err, want)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
				defer s.Close()
				time.Sleep(time.Minute - time.Second)
				if _, err := s.Lease(1, false); err != nil {
					t.Errorf("after 59 s of 60: %v", err)
				}
				time.Sleep(2 * time.Second)
				if _, err := s.Lease(1, false); !errors.Is(err, mvcc.ErrLeaseNotFound) {
					t.Errorf("after 61 s of 60: %v", err)
				}
			})
		})
	}
}

// TestFrozenHolder: a replica that is frozen while it has the turn stops the others no longer than
// it takes to notice, and what it had decided takes no effect.
func TestFrozenHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, script := pair(t, mvcc.Options{})
		synctest.Wait()
		thaw := make(chan struct{})
		frozen := memengine.Hold(thaw)
		script[0].Next(memengine.OpRead, frozen) // it does not follow, so it takes a turn to write
		put(t, s[1], "k", "1")
		synctest.Wait()
		script[0].Always(memengine.OpTurnCommit, frozen)
		script[0].Always(memengine.OpSay, frozen)
		ended := make(chan error, 1)
		go func() {
			_, err := s[0].Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k"), Value: []byte("frozen")}}}, mvcc.Actor{})
			ended <- err
		}()
		synctest.Wait()
		begin := time.Now()
		put(t, s[1], "k", "2")
		if took := time.Since(begin); took == 0 || took > 2*mvcc.TurnIdle {
			t.Errorf("the other replica was stopped for %s", took)
		}
		close(thaw)
		if err := <-ended; !errors.Is(err, mvcc.ErrUnknownOutcome) {
			t.Errorf("the frozen write: %v", err)
		}
		if got, want := read(t, s[0], 0), "k=2 c2 m3 v2 l0\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestReadersOfAClosedStore: those that wait for a look at the counter, and those that come later,
// are told that the store has been closed.
func TestReadersOfAClosedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, script := pair(t, mvcc.Options{})
		script[1].Always(memengine.OpRead, memengine.Hold(nil)) // until the caller gives up
		answers := make(chan error, 2)
		for range 2 { // the first one takes part in a look, the second waits for the next
			go func() { answers <- canRead(t, s[1]) }()
			synctest.Wait()
		}
		if err := s[1].Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-answers; !errors.Is(err, mvcc.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		if err := canRead(t, s[1]); !errors.Is(err, mvcc.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s[0].Current(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the reader has gone", err)
		}
	})
}

// TestDoubtEndsWithoutWriters: what a commit with an unknown outcome has done is looked up, and
// watchers see it, also where nobody writes again.
func TestDoubtEndsWithoutWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &memengine.Script{}
		s, err := mvcc.Open(t.Context(), memengine.New(memengine.Options{}).Engine(script.Intercept), mvcc.Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w := s.Watch(all, 2)
		script.Next(memengine.OpCommit, memengine.LoseReply)
		script.Always(memengine.OpState, memengine.Refuse)
		if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k")}}}, mvcc.Actor{}); !errors.Is(err, mvcc.ErrUnknownOutcome) {
			t.Fatalf("got %v, want an unknown outcome", err)
		}
		time.Sleep(time.Second)
		changed := s.Changed()
		script.Always(memengine.OpState, nil)
		select {
		case <-changed:
		case <-time.After(time.Second):
			t.Error("nothing is published")
		}
		if res, err := w.Poll(t.Context(), 1); err != nil || len(res.Events) != 1 || s.Stats().Doubt {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

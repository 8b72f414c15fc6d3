package enginetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

func testLeaseChanges(t *testing.T, p *pair) {
	m := newModel()
	at := time.UnixMilli(1_900_000_000_123)
	lease := func(id mvcc.LeaseID, d time.Duration) mvcc.Lease {
		return mvcc.Lease{ID: id, TTL: 60, Deadline: at.Add(d)}
	}
	expect := func(after int64, set []mvcc.LeaseID, gone ...mvcc.LeaseID) {
		t.Helper()
		lc, err := p.b.LeaseChanges(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		var ids []mvcc.LeaseID
		for _, l := range lc.Set {
			ids = append(ids, l.ID)
			if w := m.leases[l.ID]; l.TTL != w.TTL || !l.Deadline.Equal(w.Deadline) {
				t.Errorf("%+v, want %+v", l, w)
			}
		}
		slices.Sort(ids)
		slices.Sort(lc.Gone)
		if lc.All {
			t.Fatalf("changes after %d are forgotten", after)
		}
		if !slices.Equal(ids, set) || !slices.Equal(lc.Gone, gone) {
			t.Errorf("after %d: set %v and gone %v, want %v and %v", after, ids, lc.Gone, set, gone)
		}
	}
	expect(0, nil)
	m.commit(t, p.a, m.draft().grant(lease(1, 0)).grant(lease(2, 0)).grant(lease(3, 0)))
	expect(0, []mvcc.LeaseID{1, 2, 3})
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	m.commit(t, p.a, m.draft().grant(lease(2, time.Hour)))
	m.commit(t, p.a, m.draft().revoke(3).revision(put("x", "2")))
	expect(1, []mvcc.LeaseID{2}, 3)
	expect(2, nil, 3)
	expect(3, nil)
	m.commit(t, p.a, m.draft().grant(lease(3, time.Minute)).revoke(1))
	expect(3, []mvcc.LeaseID{3}, 1)
	expect(4, nil)
	m.check(t, p.b)
}

// testMaintain: one at a time, for the time given, until Close.
func testMaintain(t *testing.T, p *pair) {
	ask := func(e mvcc.Shared, hold time.Duration, want bool) {
		t.Helper()
		got, err := e.Maintain(t.Context(), hold)
		if err != nil || got != want {
			t.Fatalf("%t, %v; want %t", got, err, want)
		}
	}
	ask(p.a, time.Hour, true)
	ask(p.b, time.Hour, false)
	ask(p.a, time.Hour, true)
	ask(p.a, 50*time.Millisecond, true) // a shorter hold replaces the longer
	deadline := time.Now().Add(time.Minute)
	for {
		got, err := p.b.Maintain(t.Context(), time.Hour)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("not taken over: %v", err)
		}
		if got {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ask(p.a, time.Hour, false)
	b := p.b
	p.b = nil
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ask(p.a, time.Hour, true)
}

// testPruneBesidesWriters: pruning takes nothing that counts and stops no writer,
// even where two replicas believe to be the one that prunes.
func testPruneBesidesWriters(t *testing.T, p *pair) {
	m := newModel()
	for i := range 40 {
		m.commit(t, p.a, m.draft().revision(put("a", fmt.Sprint(i))).revision(put("b", "x")).revision(del("b")))
	}
	m.commit(t, p.a, m.draft().compact(m.pos.Revision))
	to := m.compacted
	g, ctx := errgroup.WithContext(t.Context())
	for _, e := range []mvcc.Shared{p.a, p.b} {
		g.Go(func() error {
			for from := int64(0); from < to; from += 20 {
				if _, err := e.Prune(ctx, from, min(from+20, to)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range 40 {
		m.commit(t, p.a, m.draft().revision(put("a", fmt.Sprint(i))))
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if r := read(t, p.b); r.Pruned != to {
		t.Errorf("pruned %d, want %d", r.Pruned, to)
	}
	m.check(t, p.b)
}

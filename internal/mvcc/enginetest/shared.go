package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

// RunShared tests an mvcc.Shared. open opens two on one new, empty database; the
// suite closes them.
func RunShared(t *testing.T, open func(*testing.T) (a, b mvcc.Shared)) {
	for name, test := range map[string]func(*testing.T, *pair){
		"Moved":               testMoved,
		"MovedByChange":       testMovedByChange,
		"InTurn":              testInTurn,
		"InTurnDecides":       testInTurnDecides,
		"InTurnExcludes":      testInTurnExcludes,
		"ReadWaitsForNobody":  testReadWaitsForNobody,
		"ReadIsLinearizable":  testReadIsLinearizable,
		"Settle":              testSettle,
		"SettleFences":        testSettleFences,
		"LeaseChanges":        testLeaseChanges,
		"Await":               testAwait,
		"Maintain":            testMaintain,
		"LoadIsOneSnapshot":   testLoadIsOneSnapshot,
		"EventsAreWhole":      testEventsAreWhole,
		"PruneBesidesWriters": testPruneBesidesWriters,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pair{}
			p.a, p.b = open(t)
			t.Cleanup(func() {
				for _, e := range []mvcc.Shared{p.a, p.b} {
					if e == nil {
						continue
					}
					if err := e.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				}
			})
			test(t, p)
		})
	}
}

// pair is two replicas' engines. One that a test has closed is nil.
type pair struct{ a, b mvcc.Shared }

func read(t *testing.T, e mvcc.Shared) mvcc.Reading {
	t.Helper()
	r, err := e.Read(t.Context())
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return r
}

// testMoved: a batch decided on what is no longer the newest revision writes
// nothing, whatever it holds.
func testMoved(t *testing.T, p *pair) {
	m := newModel()
	stale := m.draft().revision(put("x", "stale"), put("y", "stale")).
		grant(mvcc.Lease{ID: 1, TTL: 1, Deadline: time.Now()}).compact(1)
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	if err := p.b.Commit(t.Context(), &stale.Batch); !errors.Is(err, mvcc.ErrMoved) {
		t.Fatalf("got %v, want ErrMoved", err)
	}
	m.check(t, p.b)
	ahead := m.draft()
	ahead.Base.Revision += 5
	ahead.revision(put("x", "ahead"))
	if err := p.b.Commit(t.Context(), &ahead.Batch); !errors.Is(err, mvcc.ErrMoved) {
		t.Fatalf("got %v, want ErrMoved", err)
	}
	m.check(t, p.a)
	m.commit(t, p.b, m.draft().revision(put("x", "2")))
	m.check(t, p.a)
}

// testMovedByChange: so do leases and compactions of others.
func testMovedByChange(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	for i, d := range []*draft{
		m.draft().grant(mvcc.Lease{ID: 1, TTL: 1, Deadline: time.Now()}),
		m.draft().revoke(1),
		m.draft().compact(2),
	} {
		d.Base = m.pos
		stale := []*draft{
			m.draft().revision(put("x", "stale")),
			m.draft().grant(mvcc.Lease{ID: 2, TTL: 1, Deadline: time.Now()}),
			m.draft().revoke(1),
			m.draft().compact(2),
		}
		m.commit(t, p.a, d)
		for j, s := range stale {
			if err := p.b.Commit(t.Context(), &s.Batch); !errors.Is(err, mvcc.ErrMoved) {
				t.Fatalf("%d, %d: got %v, want ErrMoved", i, j, err)
			}
		}
		m.check(t, p.b)
	}
}

// testInTurn: a turn sees what was committed, and nothing is committed beside it.
func testInTurn(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")).grant(mvcc.Lease{ID: 3, TTL: 3, Deadline: time.UnixMilli(3000)}))
	err := p.b.InTurn(t.Context(), func(ctx context.Context, pos mvcc.Position) (*mvcc.Batch, error) {
		if pos != m.pos {
			t.Errorf("position %+v, want %+v", pos, m.pos)
		}
		m.check(t, p.b)
		lc, err := p.b.LeaseChanges(ctx, 0)
		if err != nil || len(lc.Set) != 1 {
			t.Errorf("%+v, %v", lc, err)
		}
		d := m.draft().revision(put("x", "2")).revision(put("y", "1")).grant(mvcc.Lease{ID: 4, TTL: 3, Deadline: time.UnixMilli(4000)}).revoke(3).compact(2)
		defer m.accept(d, true)
		return &d.Batch, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.check(t, p.a)
}

// testInTurnDecides: no batch, an empty one, or an error end the turn without a write.
func testInTurnDecides(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	refused := errors.New("refused")
	for _, e := range []mvcc.Shared{p.a, p.b} {
		for _, tc := range []struct {
			b   *mvcc.Batch
			err error
		}{{nil, nil}, {&m.draft().Batch, nil}, {nil, refused}, {&m.draft().revision(put("x", "no")).Batch, refused}} {
			err := e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return tc.b, tc.err })
			if err != tc.err { //nolint:errorlint // as it is
				t.Errorf("got %v, want %v", err, tc.err)
			}
		}
	}
	m.check(t, p.a)
	m.commit(t, p.b, m.draft().revision(put("x", "2")))
	m.check(t, p.a)
}

// testInTurnExcludes: two replicas count together, one optimistically where it
// can, and neither loses a step.
func testInTurnExcludes(t *testing.T, p *pair) {
	const each = 60
	g, ctx := errgroup.WithContext(t.Context())
	for _, e := range []mvcc.Shared{p.a, p.b} {
		g.Go(func() error {
			var last *mvcc.KeyValue
			pos := mvcc.Position{Revision: 1}
			catchUp := func(ctx context.Context, to mvcc.Position) error {
				_, err := e.Events(ctx, pos.Revision, to.Revision, 1<<30, func(c *mvcc.Commit) error {
					last = c.Events[0].KV
					return nil
				})
				pos = to
				return err
			}
			next := func() *mvcc.Batch {
				n := 0
				kv := &mvcc.KeyValue{Key: []byte("n"), CreateRevision: 2, ModRevision: pos.Revision + 1, Version: 1}
				if last != nil {
					n, _ = strconv.Atoi(string(last.Value))
					kv.Version = last.Version + 1
				}
				kv.Value = fmt.Append(nil, n+1)
				return &mvcc.Batch{ID: rand.Int64(), Base: pos, Commits: []*mvcc.Commit{{Revision: kv.ModRevision, Time: time.Now(), Events: []mvcc.Event{{KV: kv, Prev: last}}}}}
			}
			for range each {
				b := next()
				err := e.Commit(ctx, b)
				if errors.Is(err, mvcc.ErrMoved) {
					err = e.InTurn(ctx, func(ctx context.Context, at mvcc.Position) (*mvcc.Batch, error) {
						if err := catchUp(ctx, at); err != nil {
							return nil, err
						}
						b = next()
						return b, nil
					})
				}
				if err != nil {
					return err
				}
				last, pos = b.Commits[0].Events[0].KV, mvcc.Position{Revision: b.Commits[0].Revision, Change: b.Base.Change}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	_, err := p.a.Load(t.Context(), func(kv *mvcc.KeyValue) error {
		if string(kv.Value) != fmt.Sprint(2*each) || kv.Version != 2*each {
			t.Errorf("%s, version %d; want %d", kv.Value, kv.Version, 2*each)
		}
		n++
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d keys, %v", n, err)
	}
	at := int64(1)
	if _, err := p.b.Events(t.Context(), 1, 1<<40, 1<<30, func(c *mvcc.Commit) error {
		if at++; c.Revision != at {
			return fmt.Errorf("revision %d, want %d", c.Revision, at)
		}
		return nil
	}); err != nil || at != 2*each+1 {
		t.Errorf("the log ends at %d, %v; want %d", at, err, 2*each+1)
	}
}

// testReadWaitsForNobody: reads go on while another replica has its turn, and see
// nothing of what it has not committed.
func testReadWaitsForNobody(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	err := p.a.InTurn(t.Context(), func(ctx context.Context, _ mvcc.Position) (*mvcc.Batch, error) {
		begin := time.Now()
		for _, e := range []mvcc.Shared{p.a, p.b} {
			if r := read(t, e); r.Position != m.pos {
				t.Errorf("position %+v, want %+v", r.Position, m.pos)
			}
			m.check(t, e)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the reads took %s", took)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testReadIsLinearizable: a read that begins after a commit has returned sees it.
func testReadIsLinearizable(t *testing.T, p *pair) {
	m := newModel()
	for i := range 50 {
		d := m.draft().revision(put("x", fmt.Sprint(i)))
		if i%10 == 9 {
			d.compact(m.pos.Revision)
		}
		m.commit(t, p.a, d)
		r := read(t, p.b)
		if r.Position != m.pos || r.Compacted != m.compacted || r.Pruned != 0 {
			t.Fatalf("%+v, want %+v compacted %d", r, m.pos, m.compacted)
		}
		if off := time.Since(r.Now).Abs(); off > time.Hour {
			t.Fatalf("the database's clock is off by %s", off)
		}
	}
}

// testSettle: what is in the log is found, whoever asks, and what is not is not.
func testSettle(t *testing.T, p *pair) {
	m := newModel()
	d := m.draft().revision(put("x", "1")).revision(put("y", "1"))
	m.commit(t, p.a, d)
	for _, e := range []mvcc.Shared{p.a, p.b} {
		if in, err := e.Settle(t.Context(), &d.Batch); err != nil || !in {
			t.Fatalf("%t, %v; the batch is in the log", in, err)
		}
	}
	// Still after others have written.
	m.pos = read(t, p.a).Position
	m.commit(t, p.b, m.draft().revision(put("x", "2")))
	if in, err := p.a.Settle(t.Context(), &d.Batch); err != nil || !in {
		t.Fatalf("%t, %v; the batch is in the log", in, err)
	}
	m.pos = read(t, p.a).Position
	m.check(t, p.b)
	// Another's batch at the same revision is not this one.
	lost := m.draft().revision(put("x", "lost"))
	m.commit(t, p.b, m.draft().revision(put("x", "3")))
	if in, err := p.a.Settle(t.Context(), &lost.Batch); err != nil || in {
		t.Fatalf("%t, %v; the batch is not in the log", in, err)
	}
	m.pos = read(t, p.a).Position
	m.check(t, p.b)
}

// testSettleFences: a batch that arrives after it has been given up takes no
// effect.
func testSettleFences(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	for _, late := range []*draft{
		m.draft().revision(put("x", "late")),
		m.draft().grant(mvcc.Lease{ID: 5, TTL: 1, Deadline: time.Now()}),
		m.draft().compact(2),
	} {
		late.Base = m.pos
		if in, err := p.b.Settle(t.Context(), &late.Batch); err != nil || in {
			t.Fatalf("%t, %v; the batch has not been sent", in, err)
		}
		r := read(t, p.a)
		if r.Revision != m.pos.Revision || r.Change <= m.pos.Change {
			t.Fatalf("%+v after %+v", r, m.pos)
		}
		if err := p.a.Commit(t.Context(), &late.Batch); !errors.Is(err, mvcc.ErrMoved) {
			t.Fatalf("got %v, want ErrMoved", err)
		}
		m.pos = r.Position
		m.check(t, p.b)
	}
}

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

// testAwait: a replica that waits learns of another's commits.
func testAwait(t *testing.T, p *pair) {
	m := newModel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 5 {
		saw := make(chan mvcc.Position, 1)
		from := m.pos
		go func() {
			for ctx.Err() == nil {
				p.b.Await(ctx)
				if r, err := p.b.Read(ctx); err == nil && r.Position != from {
					saw <- r.Position
					return
				}
			}
		}()
		d := m.draft().revision(put("x", fmt.Sprint(i)))
		if i%2 == 1 {
			d.compact(m.pos.Revision)
		}
		m.commit(t, p.a, d)
		select {
		case pos := <-saw:
			if pos != m.pos {
				t.Errorf("saw %+v, want %+v", pos, m.pos)
			}
		case <-ctx.Done():
			t.Fatal("nothing seen")
		}
	}
	// It ends with its context.
	done := make(chan struct{})
	short, stop := context.WithCancel(ctx)
	go func() {
		for short.Err() == nil {
			p.a.Await(short)
		}
		close(done)
	}()
	stop()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("Await outlives its context")
	}
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
	deadline := time.Now().Add(30 * time.Second)
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

// testLoadIsOneSnapshot: what Load returns is the state at one position, however
// fast others write.
func testLoadIsOneSnapshot(t *testing.T, p *pair) {
	m := newModel()
	d := m.draft()
	const keys = 700
	for i := range keys {
		d.revision(put(fmt.Sprintf("k%03d", i), "0"))
	}
	m.commit(t, p.a, d)
	first := m.pos.Revision
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			if ctx.Err() != nil {
				writing <- nil
				return
			}
			// One revision that touches keys of every part of the table.
			d := m.draft()
			var cs []change
			for j := 0; j < keys; j += 50 {
				cs = append(cs, put(fmt.Sprintf("k%03d", j), fmt.Sprint(i)))
			}
			d.revision(cs...).grant(mvcc.Lease{ID: 1, TTL: int64(i), Deadline: time.UnixMilli(int64(i))})
			if err := p.a.Commit(t.Context(), &d.Batch); err != nil {
				writing <- err
				return
			}
			m.accept(d, true)
		}
	}()
	for range 20 {
		seen := map[string]string{}
		st, err := p.b.Load(t.Context(), func(kv *mvcc.KeyValue) error {
			if kv.ModRevision > first || seen["at"] == "" {
				seen["at"] = string(kv.Value)
			}
			seen[string(kv.Key)] = string(kv.Value)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(st.Revision - first)
		for j := 0; j < keys; j += 50 {
			if got := seen[fmt.Sprintf("k%03d", j)]; got != want {
				t.Fatalf("key %d is %q at revision %d, want %q", j, got, st.Revision, want)
			}
		}
		if st.Change != st.Revision-first || len(st.Leases) != int(min(1, st.Change)) || st.Change > 0 && st.Leases[0].TTL != st.Change {
			t.Fatalf("%+v", st)
		}
		delete(seen, "at")
		if len(seen) != keys {
			t.Fatalf("%d keys, want %d", len(seen), keys)
		}
	}
	stop()
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	m.check(t, p.b)
}

// testEventsAreWhole: a replica that follows the log up to the position it has
// read finds every revision, whole and in order.
func testEventsAreWhole(t *testing.T, p *pair) {
	m := newModel()
	const batches = 80
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []*mvcc.Commit
	following := make(chan error, 1)
	go func() {
		at := int64(1)
		for at < 1+3*batches {
			p.b.Await(ctx)
			r, err := p.b.Read(ctx)
			if err != nil {
				following <- err
				return
			}
			for at < r.Revision {
				done, err := p.b.Events(ctx, at, r.Revision, 500, func(c *mvcc.Commit) error { got = append(got, c); return nil })
				if err == nil && done == at {
					err = fmt.Errorf("no events after %d up to %d", at, r.Revision)
				}
				if err != nil {
					following <- err
					return
				}
				at = done
			}
		}
		following <- nil
	}()
	for i := range batches {
		m.commit(t, p.a, m.draft().
			revision(put("a", fmt.Sprint(i)), put("b", fmt.Sprint(i))).
			revision(put(fmt.Sprint("c", i), "x")).
			revision(del(fmt.Sprint("c", i)), put("d", "y")))
	}
	if err := <-following; err != nil {
		t.Fatal(err)
	}
	sameCommits(t, got, m.log)
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

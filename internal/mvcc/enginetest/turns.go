package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

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

// testOppositeOrders: replicas that write the same keys and leases in opposite orders,
// while others prune, meet in no deadlock.
func testOppositeOrders(t *testing.T, p *pair) {
	const keys = 20
	first := &mvcc.Batch{ID: 1, Base: mvcc.Position{Revision: 1}, Commits: []*mvcc.Commit{{Revision: 2, Time: time.Now()}}}
	for i := range keys {
		first.Commits[0].Events = append(first.Commits[0].Events, mvcc.Event{KV: &mvcc.KeyValue{Key: fmt.Append(nil, i), Value: []byte("0"), CreateRevision: 2, CreatePosition: i, ModRevision: 2, Version: 1}})
	}
	if err := p.a.Commit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	last := make([]*mvcc.KeyValue, keys) // in turn only
	for i, ev := range first.Commits[0].Events {
		last[i] = ev.KV
	}
	g, ctx := errgroup.WithContext(t.Context())
	done := make(chan struct{})
	writers := errgroup.Group{}
	for n, e := range []mvcc.Shared{p.a, p.b} {
		writers.Go(func() error {
			for range 60 {
				err := e.InTurn(ctx, func(_ context.Context, at mvcc.Position) (*mvcc.Batch, error) {
					c := &mvcc.Commit{Revision: at.Revision + 1, Time: time.Now()}
					batch := &mvcc.Batch{ID: rand.Int64(), Base: at, Commits: []*mvcc.Commit{c}, Compacted: at.Revision}
					for i := range keys {
						if n == 1 {
							i = keys - 1 - i
						}
						kv := *last[i]
						kv.ModRevision, kv.Version = c.Revision, kv.Version+1
						c.Events = append(c.Events, mvcc.Event{KV: &kv, Prev: last[i]})
						last[i] = &kv
						if l := mvcc.LeaseID(i); rand.IntN(2) == 0 {
							batch.Leases = append(batch.Leases, mvcc.Lease{ID: l, TTL: 1, Deadline: time.Now()})
						} else {
							batch.RevokedLeases = append(batch.RevokedLeases, l)
						}
					}
					return batch, nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(done)
		return writers.Wait()
	})
	for _, e := range []mvcc.Shared{p.a, p.b} {
		g.Go(func() error {
			for {
				select {
				case <-done:
					return nil
				default:
				}
				st, err := e.State(ctx)
				if err != nil {
					return err
				}
				if _, err := e.Prune(ctx, st.Pruned, st.Compacted); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := p.a.Load(t.Context(), func(kv *mvcc.KeyValue) error {
		if n++; kv.Version != 121 {
			t.Errorf("%s has version %d", kv.Key, kv.Version)
		}
		return nil
	}); err != nil || n != keys {
		t.Errorf("%d keys, %v", n, err)
	}
}

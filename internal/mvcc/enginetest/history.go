package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// batchOf is the n-th batch of a writer, as the store numbers them.
func batchOf(writer, n int64) int64 { return -1<<63 | writer<<31 | n }

// testFind: what the log holds of a revision is found by its rows and, once these have been pruned,
// by the batches of its writer.
func testFind(t *testing.T, p *pair) {
	m := newModel()
	var points []mvcc.Point
	for i, id := range []int64{batchOf(7, 1), batchOf(7, 2), batchOf(8, 1), 99} {
		d := m.draft().revision(put("x", fmt.Sprint(i))).revision(put("x", fmt.Sprint(i, "again")))
		d.ID = id
		m.commit(t, p.a, d)
		points = append(points, mvcc.Point{Revision: m.pos.Revision, Batch: id})
	}
	follows := func(from, to mvcc.Point, want bool) {
		t.Helper()
		if got, err := mvcc.Follows(t.Context(), p.b, from, to); err != nil || got != want {
			t.Errorf("%+v and then %+v are there: %t, %v; want %t", from, to, got, err, want)
		}
	}
	last := points[len(points)-1]
	if r := read(t, p.b); r.Batch != last.Batch {
		t.Errorf("the newest revision is of batch %d, want %d", r.Batch, last.Batch)
	}
	if st, err := p.b.State(t.Context()); err != nil || st.Batch != last.Batch || st.Store == 0 || st.Store&0xffff != 0 {
		t.Errorf("%+v, %v; want batch %d and a store", st, err, last.Batch)
	}
	check := func(whole bool) {
		t.Helper()
		for _, pt := range points {
			follows(pt, last, true)
			follows(mvcc.Point{Revision: pt.Revision}, last, true)
			// Another writer's batch, or one that this writer has not written.
			follows(mvcc.Point{Revision: pt.Revision, Batch: batchOf(9, 1)}, last, false)
			follows(mvcc.Point{Revision: pt.Revision, Batch: batchOf(7, 3)}, last, false)
			follows(mvcc.Point{Revision: pt.Revision, Batch: 98}, last, !whole && pt != last)
		}
		follows(last, mvcc.Point{Revision: last.Revision + 1, Batch: batchOf(7, 3)}, false)
	}
	check(true)
	m.commit(t, p.a, m.draft().compact(m.pos.Revision))
	if _, err := p.a.Prune(t.Context(), 0, m.pos.Revision-1); err != nil {
		t.Fatal(err)
	}
	check(false)
	if _, found, err := p.b.Find(t.Context(), points[0], last); err != nil || found[0] != (mvcc.Found{Writer: batchOf(7, 2), Recorded: true}) || found[1].Batch != last.Batch {
		t.Errorf("%+v, %v", found, err)
	}
}

// testBaseBatch: a batch that was decided on another history is refused, though the counter is
// where it supposes.
func testBaseBatch(t *testing.T, p *pair) {
	m := newModel()
	for i := range 3 {
		d := m.draft().revision(put("x", fmt.Sprint(i)))
		d.ID = batchOf(7, int64(i+1))
		m.commit(t, p.a, d)
	}
	for _, lease := range []bool{false, true} {
		for _, base := range []int64{batchOf(7, 2), batchOf(8, 1), 5} {
			d := m.draft().revision(put("x", "no"))
			if lease {
				d = m.draft().grant(mvcc.Lease{ID: 1, TTL: 1, Deadline: time.Now()})
			}
			d.BaseBatch = base
			if err := p.b.Commit(t.Context(), &d.Batch); !errors.Is(err, mvcc.ErrMoved) {
				t.Errorf("got %v, want ErrMoved", err)
			}
			if err := p.b.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return &d.Batch, nil }); !errors.Is(err, mvcc.ErrMoved) {
				t.Errorf("in turn: got %v, want ErrMoved", err)
			}
		}
	}
	// A batch of leases is no part of the log: what follows has the same base.
	base := batchOf(7, 3)
	for range 2 {
		d := m.draft().grant(mvcc.Lease{ID: 1, TTL: 1, Deadline: time.UnixMilli(1_000)})
		d.BaseBatch, d.ID = base, batchOf(8, 1)
		m.commit(t, p.b, d)
	}
	d := m.draft().revision(put("x", "yes"))
	d.BaseBatch, d.ID = base, batchOf(7, 4)
	m.commit(t, p.a, d)
	m.check(t, p.b)
}

// gate is a replica's engine that answers nothing while the gate is locked, as if the replica's
// process were frozen.
type gate struct {
	mvcc.Shared
	sync.RWMutex
}

func (g *gate) Commit(ctx context.Context, b *mvcc.Batch) error {
	g.RLock()
	defer g.RUnlock()
	return g.Shared.Commit(ctx, b)
}

func (g *gate) Read(ctx context.Context) (mvcc.Reading, error) {
	g.RLock()
	defer g.RUnlock()
	return g.Shared.Read(ctx)
}

func (g *gate) Maintain(ctx context.Context, hold time.Duration) (bool, error) {
	g.RLock()
	defer g.RUnlock()
	return g.Shared.Maintain(ctx, hold)
}

func (g *gate) Prune(ctx context.Context, from, to int64) (int64, error) {
	g.RLock()
	defer g.RUnlock()
	return g.Shared.Prune(ctx, from, to)
}

// GoneBack: a replica that has published what the database has lost neither reads nor writes,
// whether it looks while the database is behind it, or after others have led the database to the
// very same revision or past it, or have pruned what was written meanwhile; a replica that was away
// while nothing was lost goes on. place gives an empty database: open opens an engine on it, lose
// takes away all revisions from one on, each of which created a key.
func GoneBack(t *testing.T, place func(*testing.T) (open func() mvcc.Shared, lose func(first int64))) {
	const written, gone = 10, 5
	for _, tc := range []struct {
		name        string
		lost, later int
		pruned      bool
		writeFirst  bool
	}{
		{"behind", gone, 0, false, false},
		{"behind, written to", gone, 0, false, true},
		{"the same revision", gone, gone, false, false},
		{"the same revision, written to", gone, gone, false, true},
		{"past it", gone, 3 * gone, false, false},
		{"past it, written to", gone, 3 * gone, false, true},
		{"past it and pruned", gone, 3 * gone, true, false},
		{"past it and pruned, written to", gone, 3 * gone, true, true},
		{"nothing lost", 0, 3 * gone, false, true},
		{"nothing lost, pruned", 0, 3 * gone, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			open, lose := place(t)
			store := func(e mvcc.Engine) *mvcc.Store {
				t.Helper()
				s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			put := func(s *mvcc.Store, key string) error {
				_, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte("v")}}}, mvcc.Actor{})
				return err
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			// The maintainer prunes, which the frozen replica must not be.
			first := store(open())
			for !first.Stats().Maintains {
				time.Sleep(time.Millisecond)
			}
			away := &gate{Shared: open()}
			frozen := store(away)
			for i := range written {
				must(put(frozen, fmt.Sprint(i)))
			}
			published := frozen.Revision()
			away.Lock()
			must(first.Close())
			if tc.lost > 0 {
				lose(published - int64(tc.lost) + 1)
			}
			other := store(open())
			for i := range tc.later {
				must(put(other, fmt.Sprint("other", i)))
			}
			if tc.pruned {
				// Replace what was written, so that none of its rows stay.
				for i := range tc.later {
					must(put(other, fmt.Sprint("other", i)))
				}
				if tc.lost == 0 {
					must(put(other, fmt.Sprint(written-1)))
				}
				must(other.Compact(t.Context(), other.Revision(), true))
			}
			away.Unlock()

			check := func(err error) {
				t.Helper()
				if tc.lost == 0 {
					must(err)
				} else if !errors.Is(err, mvcc.ErrUnavailable) || !strings.Contains(err.Error(), "the database has gone back from revision") {
					t.Fatalf("got %v", err)
				}
			}
			before := other.Revision()
			if tc.writeFirst {
				err := put(frozen, "x")
				// A write that finds the counter moved may be refused before the cause is found.
				if tc.lost > 0 && err == nil {
					t.Fatal("a write was acknowledged")
				}
				if tc.lost == 0 {
					must(err)
				}
			}
			_, err := frozen.Current(t.Context())
			check(err)
			check(put(frozen, "y"))
			if tc.lost > 0 {
				at, err := other.Current(t.Context())
				if err != nil || at != before {
					t.Errorf("the database is at %d, %v; want %d", at, err, before)
				}
				return
			}
			have, err := frozen.Range(t.Context(), &mvcc.Range{Span: everything})
			must(err)
			want, err := other.Range(t.Context(), &mvcc.Range{Span: everything})
			must(err)
			if len(have.KVs) != len(want.KVs) || have.Revision != want.Revision {
				t.Errorf("%d keys at revision %d, want %d at %d", len(have.KVs), have.Revision, len(want.KVs), want.Revision)
			}
		})
	}
}

package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

var errCut = errors.New("cut off")

// cutSteps executes some calls that change side tables, and refuses all later ones: this simulates
// a process that is killed there.
type cutSteps struct {
	mvcc.SideTables
	left atomic.Int64
}

func (c *cutSteps) AppendIf(ctx context.Context, n mvcc.SideNewest, rows ...mvcc.SideRow) ([]int64, error) {
	if c.left.Add(-1) < 0 {
		return nil, errCut
	}
	return c.SideTables.AppendIf(ctx, n, rows...)
}

func (c *cutSteps) DeleteIf(ctx context.Context, n mvcc.SideNewest, s mvcc.SideSpan, before time.Time, most int) (int, bool, error) {
	if c.left.Add(-1) < 0 {
		return 0, false, errCut
	}
	return c.SideTables.DeleteIf(ctx, n, s, before, most)
}

// TestCutOffRemovals checks that a retention pass and a purge that are interrupted between any two
// of their steps lose no version that has to be kept and list none twice, and that the next ones
// remove the rest.
func TestCutOffRemovals(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	w := newWorld(t)
	w.chained = true
	w.open()
	w.archive.turnPatience = time.Millisecond
	policy := Policy{Rules: []Rule{{Namespaces: []string{"ns0"}, Versions: 3}}}
	side := w.archive.side
	cuts := 0
	most := int64(20)                                 // the most calls of a removal
	for n := 0; n < 40 || cuts < 10 && n < 200; n++ { // the number of interrupted removals is random
		after := 1 + r.Int64N(most)
		for range 12 {
			w.write(r)
		}
		w.archiveAll()
		now := time.Now()
		byObject := map[Ref][]*Version{}
		before := w.list(Query{Objects: true, OldestFirst: true})
		for _, v := range before {
			byObject[v.Ref()] = append(byObject[v.Ref()], v)
		}
		goes := map[int64]bool{}
		for _, all := range byObject {
			for _, v := range policy.drop(all, now) {
				goes[v.Revision] = true
			}
		}
		remove := func() (Report, error) { return w.archive.Retain(t.Context(), policy, now, false) }
		if cuts%2 == 1 {
			clear(goes)
			for _, v := range before {
				goes[v.Revision] = v.User == "user1"
			}
			remove = func() (Report, error) { return w.archive.Purge(t.Context(), Target{User: "user1"}) }
		}
		cut := &cutSteps{SideTables: side}
		cut.left.Store(after)
		w.archive.side = cut
		_, err := remove()
		w.archive.side = side
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if err != nil {
			cuts++
		}
		most = max(most, after-cut.left.Load()+20)
		want := slices.DeleteFunc(before, func(v *Version) bool { return goes[v.Revision] })
		for _, oldest := range []bool{true, false} {
			got := w.list(Query{Objects: true, OldestFirst: oldest})
			if !oldest {
				slices.Reverse(got)
			}
			got = slices.DeleteFunc(got, func(v *Version) bool { return goes[v.Revision] })
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("cut off after %d steps: got %d versions, want %d\n%v\n%v", after, len(got), len(want), brief(got), brief(want))
			}
		}
		if r.IntN(3) > 0 { // the others are removed by a later removal
			if _, err := remove(); err != nil {
				t.Fatal(err)
			}
			if got := w.list(Query{Objects: true, OldestFirst: true}); !slices.EqualFunc(got, want, same) {
				t.Fatalf("after the next removal: got %d versions, want %d", len(got), len(want))
			}
		}
	}
	if cuts < 10 {
		t.Errorf("%d removals were cut off: the test shows little", cuts)
	}
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
}

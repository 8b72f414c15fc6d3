package history

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestScanOfManyRows checks that lists as of a revision equal the snapshots taken then, also if an
// object has more rows than a scan reads of one, and if a list ends within them.
func TestScanOfManyRows(t *testing.T) {
	w := newWorld(t)
	w.open()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	put := func(name string, generation int) {
		key := "/registry/ark.mckinsey.com/agents/ns/" + name
		value := object("uid-"+name, name, generation, "")
		res, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: value}}}, mvcc.Actor{})
		if err != nil {
			t.Fatal(err)
		}
		w.present[key] = value
		w.asOf[res.Revision] = maps.Clone(w.present)
	}
	for i := range 3 * manyRows {
		put("many", i)
		put([]string{"before", "some", "zero"}[r.IntN(3)], i)
		if r.IntN(8) > 0 {
			if err := w.archive.advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, revision := range slices.Sorted(maps.Keys(w.asOf)) {
		if r.IntN(4) > 0 {
			continue
		}
		var got []string
		for cont := ""; ; {
			page, err := w.archive.AsOf(t.Context(), agents, "", revision, 1+r.IntN(3), cont)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Items {
				got = append(got, string(v.Object))
			}
			if cont = page.Continue; cont == "" {
				break
			}
		}
		was := w.asOf[revision]
		var want []string
		for _, key := range slices.Sorted(maps.Keys(was)) {
			want = append(want, string(was[key]))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("as of %d: %d objects, want %d:\n%q\n%q", revision, len(got), len(want), got, want)
		}
	}
}

// TestListOfManyCopies checks that copies of an index row, which many interrupted removals have
// left, are listed once, wherever a page of rows ends.
func TestListOfManyCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t)
	w.open()
	for range 30 {
		w.write(r)
		w.write(r)
		w.archiveAll()
	}
	page, err := w.archive.side.Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: stepTable}})
	if err != nil || len(page.Rows) < 25 {
		t.Fatalf("%d steps, %v", len(page.Rows), err)
	}
	for range 11 {
		for i := range page.Rows {
			if _, err := w.archive.side.Append(t.Context(), page.Rows[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.check(r)
}

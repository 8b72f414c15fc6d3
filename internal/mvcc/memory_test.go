package mvcc_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestMemoryIsBounded: a store holds its live keys once, and the newest commits up to the
// bound of the ring, however much has been written; and a read takes what it returns.
func TestMemoryIsBounded(t *testing.T) {
	const keys, size, ring = 4000, 4 << 10, 2 << 20
	const data = keys * size
	live := func() int {
		runtime.GC()
		runtime.GC() // what finalizers let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := live()
	s := openNew(t, mvcc.Options{RingBytes: ring})
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%05d", i) }
	fill := func() (revision int64) {
		for i := 0; i < keys; i += 100 {
			tx := &mvcc.Txn{}
			for j := i; j < i+100; j++ {
				value := make([]byte, size)
				for k := range value {
					value[k] = byte(rand.Uint32())
				}
				tx.Then = append(tx.Then, &mvcc.Put{Key: key(j), Value: value})
			}
			revision = txn(t, s, tx).Revision
		}
		return revision
	}
	first := fill()
	for range 4 {
		fill()
	}
	// A copy of the data, the ring (with replaced values), the tree, and room for the rest.
	if grown := live() - before; grown > data+2*ring+8<<20 {
		t.Errorf("%d KiB are held of %d KiB of live values after five times as much was written", grown>>10, data>>10)
	}

	took := func(what string, most int, do func() error) {
		t.Helper()
		// The least of several: what runs beside, such as the check of old rows, only adds. The
		// first makes what is made once.
		least := math.MaxInt
		for range 6 {
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			err := do()
			runtime.ReadMemStats(&b)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			least = min(least, int(b.TotalAlloc-a.TotalAlloc))
		}
		if least > most {
			t.Errorf("%s took %d KiB, want at most %d", what, least>>10, most>>10)
		}
	}
	list := func(r mvcc.Range, want int) func() error {
		return func() error {
			r.Span = all
			res, err := s.Range(t.Context(), &r)
			if err == nil && len(res.KVs) != want {
				err = fmt.Errorf("%d keys, want %d", len(res.KVs), want)
			}
			return err
		}
	}
	const slack = 64 << 10
	took("a page of ten", slack, list(mvcc.Range{Limit: 10}, 10))
	took("a count", slack, list(mvcc.Range{CountOnly: true}, 0))
	// Values are shared with the store: a list of all takes pointers only.
	took("a list of all", 4*8*keys+slack, list(mvcc.Range{}, keys))
	// Old events come from the log, as many bytes as were asked for and a revision more.
	w := s.Watch(all, first+1)
	const page, revision = 1 << 20, 2 * 100 * size // with what each put replaced
	took("events from the log", 4*(page+revision)+slack, func() error {
		res, err := w.Poll(t.Context(), page)
		if err == nil && (len(res.Events) == 0 || res.Synced) {
			err = fmt.Errorf("%d events, synced %t", len(res.Events), res.Synced)
		}
		return err
	})
}

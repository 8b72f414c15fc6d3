package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestWatchFromTheHorizon: a watch may begin at the compacted revision itself. What happened there
// it gets, with what was there before, also when memory has forgotten it and pruning is done.
func TestWatchFromTheHorizon(t *testing.T) {
	remove := []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: []byte("k")}}}
	for name, last := range map[string][]mvcc.Op{
		"delete": remove,
		"put":    {&mvcc.Put{Key: []byte("k"), Value: []byte("new")}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ark.db")
			s := openStore(t, path)
			put(t, s, "k", "older")
			put(t, s, "k", "old")
			res, err := s.Txn(context.Background(), &mvcc.Txn{Then: last}, mvcc.Actor{})
			if err != nil {
				t.Fatal(err)
			}
			horizon := res.Revision
			put(t, s, "k", "after")
			if err := s.Compact(t.Context(), horizon, true); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = openStore(t, path)
			defer s.Close()

			w := s.Watch(mvcc.Span{Key: []byte("k")}, horizon)
			polled, err := w.Poll(t.Context(), 1<<20)
			if err != nil || len(polled.Events) != 2 || polled.Events[0].KV.ModRevision != horizon {
				t.Fatalf("got %+v, %v; want the events of %d and %d", polled, err, horizon, horizon+1)
			}
			if before := polled.Events[0].Prev; before == nil || string(before.Value) != "old" {
				t.Errorf("the event of %d comes with %+v as what was there before", horizon, before)
			}
			w = s.Watch(mvcc.Span{Key: []byte("k")}, horizon-1)
			if _, err := w.Poll(t.Context(), 1<<20); err != mvcc.ErrCompacted {
				t.Errorf("a watch from below: %v", err)
			}
		})
	}
}

package postgres

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// BenchmarkCommit: batches of so many revisions that create a key of 1 KiB each, or
// update one; fsync on.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"create", "update"} {
		for _, n := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s-%d", kind, n), func(b *testing.B) {
				e, err := Open(b.Context(), shared.Database(b), Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				at := mvcc.Position{Revision: 1}
				var live []*mvcc.KeyValue
				next := func(update bool) *mvcc.Batch {
					batch := &mvcc.Batch{ID: rand.Int64(), Base: at}
					for i := range n {
						at.Revision++
						kv := &mvcc.KeyValue{Key: fmt.Appendf(nil, "/registry/ark.mckinsey.com/queries/default/q%012d", at.Revision), Value: make([]byte, 1024),
							CreateRevision: at.Revision, ModRevision: at.Revision, Version: 1}
						ev := mvcc.Event{KV: kv}
						if update {
							prev := live[i]
							kv.Key, kv.CreateRevision, kv.Version = prev.Key, prev.CreateRevision, prev.Version+1
							ev.Prev = prev
							live[i] = kv
						} else if len(live) < n {
							live = append(live, kv)
						}
						batch.Commits = append(batch.Commits, &mvcc.Commit{Revision: at.Revision, Events: []mvcc.Event{ev}, Time: time.Now(),
							Actor: mvcc.Actor{User: "system:serviceaccount:ark:controller", UserAgent: "ark-controller/v0.1", Verb: "create"}})
					}
					return batch
				}
				if err := e.Commit(b.Context(), next(false)); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := e.Commit(b.Context(), next(kind == "update")); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "revisions/s")
			})
		}
	}
}

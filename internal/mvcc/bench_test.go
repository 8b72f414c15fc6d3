package mvcc_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// BenchmarkPut shows what group commit does: puts of 1 KiB under fresh keys by
// concurrent writers, all durable.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openNew(b, mvcc.Options{})
			value := make([]byte, 1024)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						key := fmt.Appendf(nil, "/registry/ark.mckinsey.com/queries/default/query-%09d", i)
						if _, err := s.Txn(b.Context(), &mvcc.Txn{
							Compares: []mvcc.Compare{{Span: mvcc.Span{Key: key}, Target: mvcc.CompareMod}},
							Then:     []mvcc.Op{&mvcc.Put{Key: key, Value: value}},
						}, mvcc.Actor{User: "bench", Verb: "create"}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

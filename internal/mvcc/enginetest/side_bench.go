package enginetest

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

var sideBenchRows = flag.Int("side.rows", 100_000, "how many side rows BenchmarkSide writes, pages and deletes")

// BenchSide measures the writers of a store by themselves, then while side rows are written, paged and deleted,
// and by themselves again. It reports how many times as long the 99th percentile of their writes becomes, and
// the median.
func BenchSide(b *testing.B, e mvcc.Engine) {
	s, err := mvcc.Open(b.Context(), e, mvcc.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	// measure runs the writers until stop is closed.
	next := atomic.Int64{}
	measure := func(stop <-chan struct{}) []time.Duration {
		var mu sync.Mutex
		var took []time.Duration
		var writing sync.WaitGroup
		for w := range 8 {
			writing.Go(func() {
				var mine []time.Duration
				value := make([]byte, 1024)
				for i := 0; ; i++ {
					select {
					case <-stop:
						mu.Lock()
						took = append(took, mine...)
						mu.Unlock()
						return
					default:
					}
					begin := time.Now()
					key := fmt.Appendf(nil, "/bench/%d/%d", w, next.Add(1)%1000)
					if _, err := s.Txn(b.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: key, Value: value}}}, mvcc.Actor{}); err != nil {
						b.Error(err)
						return
					}
					mine = append(mine, time.Since(begin))
				}
			})
		}
		writing.Wait()
		slices.Sort(took)
		return took
	}
	alone := func() []time.Duration {
		stop := make(chan struct{})
		time.AfterFunc(4*time.Second, func() { close(stop) })
		return measure(stop)
	}
	p := func(took []time.Duration, percent int) float64 { return float64(took[len(took)*percent/100]) }
	for range b.N {
		before := alone()
		stop := make(chan struct{})
		var sideTook time.Duration
		go func() {
			defer close(stop)
			begin := time.Now()
			sideLoad(b, s.Side(), *sideBenchRows)
			sideTook = time.Since(begin)
		}()
		during := measure(stop)
		after := alone()
		base := func(percent int) float64 { return (p(before, percent) + p(after, percent)) / 2 }
		b.Logf("alone p50 %.2f and %.2f ms, p99 %.2f and %.2f ms; beside %d side rows in %s p50 %.2f ms, p99 %.2f ms",
			p(before, 50)/1e6, p(after, 50)/1e6, p(before, 99)/1e6, p(after, 99)/1e6, *sideBenchRows, sideTook.Round(time.Millisecond), p(during, 50)/1e6, p(during, 99)/1e6)
		b.ReportMetric(p(during, 99)/base(99), "p99-ratio")
		b.ReportMetric(p(during, 50)/base(50), "p50-ratio")
		b.ReportMetric(float64(*sideBenchRows)/sideTook.Seconds(), "side-rows/s")
	}
}

// sideLoad appends rows, pages through them meanwhile, and deletes them, each to the end.
func sideLoad(b *testing.B, s mvcc.SideTables, total int) {
	const writers, call, keys = 8, 20, 100
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var paging, writing, deleting sync.WaitGroup
	paging.Go(func() {
		q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix("bench", nil)}
		for ctx.Err() == nil {
			page, err := s.Page(ctx, q)
			if err != nil {
				if ctx.Err() == nil {
					b.Error(err)
				}
				return
			}
			q.After = nil
			if page.More {
				q.After = page.Rows[len(page.Rows)-1].Cursor()
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	for w := range writers {
		writing.Go(func() {
			for i := range total / writers / call {
				var rows []mvcc.SideRow
				for j := range call {
					rows = append(rows, mvcc.SideRow{Table: "bench", Key: fmt.Appendf(nil, "ns\x00c%d", (i+w*7)%keys), Data: fmt.Appendf(nil, "%0500d", j)})
				}
				if _, err := s.Append(ctx, rows...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	for k := range writers {
		deleting.Go(func() {
			for i := k; i < keys; i += writers {
				if _, _, err := deleteAll(ctx, s, mvcc.SideKey("bench", fmt.Appendf(nil, "ns\x00c%d", i)), time.Time{}, 100); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	deleting.Wait()
	cancel()
	paging.Wait()
}

package enginetest

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

var (
	sideBenchRows = flag.Int("side.rows", 100_000, "how many side rows BenchmarkSide writes, pages and deletes")
	sideBenchCall = flag.Int("side.call", 20, "how many of them a call appends")
)

// sideSlice is how long the writers are measured by themselves, and then beside side rows, in turn:
// so what else the machine does bears on both.
const sideSlice = 2 * time.Second

// BenchSide measures the writers of a store by themselves and while side rows are written, paged
// and deleted. It reports how many times as long the 99th percentile of their writes becomes, and
// the median.
func BenchSide(b *testing.B, e mvcc.Engine) {
	s, err := mvcc.Open(b.Context(), e, mvcc.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for range b.N {
		load := &sideLoad{b: b, s: s.Side(), total: *sideBenchRows}
		load.gate.Lock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			load.run()
		}()
		m := &storeLoad{b: b, s: s}
		m.start()
		var busy time.Duration
		for running := true; running; {
			time.Sleep(sideSlice)
			begin := time.Now()
			m.beside.Store(true)
			load.gate.Unlock()
			select {
			case <-done:
				running = false
			case <-time.After(sideSlice):
				load.gate.Lock()
			}
			m.beside.Store(false)
			busy += time.Since(begin)
		}
		m.stop()
		p := func(beside bool, percent int) float64 {
			return float64(m.took[beside][len(m.took[beside])*percent/100]) / 1e6
		}
		b.Logf("alone p50 %.2f ms, p99 %.2f ms in %d writes; beside %d side rows in %s p50 %.2f ms, p99 %.2f ms in %d writes",
			p(false, 50), p(false, 99), len(m.took[false]), *sideBenchRows, busy.Round(time.Millisecond), p(true, 50), p(true, 99), len(m.took[true]))
		b.ReportMetric(p(true, 99)/p(false, 99), "p99-ratio")
		b.ReportMetric(p(true, 50)/p(false, 50), "p50-ratio")
		b.ReportMetric(float64(*sideBenchRows)/busy.Seconds(), "side-rows/s")
	}
}

// storeLoad is eight writers of a store.
type storeLoad struct {
	b       *testing.B
	s       *mvcc.Store
	beside  atomic.Bool // side rows are written now
	end     chan struct{}
	writing sync.WaitGroup
	mu      sync.Mutex
	took    map[bool][]time.Duration // by beside
}

func (m *storeLoad) start() {
	m.end, m.took = make(chan struct{}), map[bool][]time.Duration{}
	for w := range 8 {
		m.writing.Go(func() {
			took := map[bool][]time.Duration{}
			value := make([]byte, 1024)
			for i := 0; ; i++ {
				select {
				case <-m.end:
					m.mu.Lock()
					defer m.mu.Unlock()
					for beside, mine := range took {
						m.took[beside] = append(m.took[beside], mine...)
					}
					return
				default:
				}
				begin, beside := time.Now(), m.beside.Load()
				if _, err := m.s.Txn(m.b.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: fmt.Appendf(nil, "/bench/%d/%d", w, i%1000), Value: value}}}, mvcc.Actor{}); err != nil {
					m.b.Error(err)
					return
				}
				took[beside] = append(took[beside], time.Since(begin))
			}
		})
	}
}

func (m *storeLoad) stop() {
	close(m.end)
	m.writing.Wait()
	for beside := range m.took {
		slices.Sort(m.took[beside])
	}
}

// sideLoad appends rows, pages through them meanwhile, and deletes them, each to the end. It stops
// while the gate is locked.
type sideLoad struct {
	b     *testing.B
	s     mvcc.SideTables
	total int
	gate  sync.RWMutex
}

// pass waits for the gate, and does one thing.
func (l *sideLoad) pass(do func() error) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if err := do(); err != nil {
		l.b.Error(err)
		return false
	}
	return true
}

func (l *sideLoad) run() {
	const writers, keys = 8, 100
	call := *sideBenchCall
	ctx, end := l.b.Context(), make(chan struct{})
	var paging, writing, deleting sync.WaitGroup
	paging.Go(func() {
		q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix("bench", nil), Limit: 100}
		for {
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
			l.pass(func() error {
				page, err := l.s.Page(ctx, q)
				q.After = nil
				if page.More {
					q.After = page.Rows[len(page.Rows)-1].Cursor()
				}
				return err
			})
		}
	})
	for w := range writers {
		writing.Go(func() {
			for i := range l.total / writers / call {
				var rows []mvcc.SideRow
				for j := range call {
					rows = append(rows, mvcc.SideRow{Table: "bench", Key: fmt.Appendf(nil, "ns\x00c%d", (i+w*7)%keys), Data: fmt.Appendf(nil, "%0500d", j)})
				}
				if !l.pass(func() error { return second(l.s.Append(ctx, rows...)) }) {
					return
				}
			}
		})
	}
	writing.Wait()
	for k := range writers {
		deleting.Go(func() {
			for i := k; i < keys; i += writers {
				for more := true; more; {
					if !l.pass(func() (err error) {
						_, more, err = l.s.Delete(ctx, mvcc.SideKey("bench", fmt.Appendf(nil, "ns\x00c%d", i)), time.Time{}, 100)
						return err
					}) {
						return
					}
				}
			}
		})
	}
	deleting.Wait()
	close(end)
	paging.Wait()
}

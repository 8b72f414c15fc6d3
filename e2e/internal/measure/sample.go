package measure

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Sample is the outcome of one timed run.
type Sample struct {
	// Rate is completed operations per second, all clients together.
	Rate float64
	// P50 and P99 are the latencies of one operation.
	P50, P99 time.Duration
	// Count is the number of completed operations. Failed is the number of operations that returned an
	// error; they are not in the other figures.
	Count, Failed int
	// FirstError is one of the errors, for the output.
	FirstError error
	// CPU is processor time by name per completed operation, if the caller measured it.
	CPU map[string]time.Duration
}

// Op is one operation: the i-th of client c. It runs on the client's own goroutine.
type Op func(ctx context.Context, c, i int) error

// Run makes each of the clients, one goroutine each, repeat op for the given time. It then waits
// for the operations in flight.
func Run(ctx context.Context, clients int, length time.Duration, op Op) Sample {
	return RunGroups(ctx, clients, length, 1, op)
}

// RunGroups is Run for operations that come in groups: a client stops only at a multiple of group.
func RunGroups(ctx context.Context, clients int, length time.Duration, group int, op Op) Sample {
	return run(ctx, clients, op, func(start time.Time, i int) bool { return i%group != 0 || time.Since(start) < length })
}

// RunCount makes each of the clients run op exactly n times.
func RunCount(ctx context.Context, clients, n int, op Op) Sample {
	return run(ctx, clients, op, func(_ time.Time, i int) bool { return i < n })
}

func run(ctx context.Context, clients int, op Op, more func(start time.Time, i int) bool) Sample {
	type result struct {
		took   []time.Duration
		failed int
		err    error
	}
	results := make([]result, clients)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			r := &results[c]
			for i := 0; ctx.Err() == nil && more(start, i); i++ {
				began := time.Now()
				if err := op(ctx, c, i); err != nil {
					r.failed++
					r.err = err
					continue
				}
				r.took = append(r.took, time.Since(began))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	var s Sample
	var all []time.Duration
	for _, r := range results {
		all = append(all, r.took...)
		s.Failed += r.failed
		if s.FirstError == nil {
			s.FirstError = r.err
		}
	}
	s.Count = len(all)
	s.Rate = float64(s.Count) / elapsed.Seconds()
	s.P50, s.P99 = Percentile(all, 50), Percentile(all, 99)
	return s
}

// Percentile sorts the durations and returns the smallest one that at least p percent do not
// exceed; 0 if there are none.
func Percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)*p/100, len(d)-1)]
}

// Series holds the rounds of one case on one system.
type Series []Sample

// Median returns the median of each figure separately.
func (s Series) Median() Sample {
	if len(s) == 0 {
		return Sample{}
	}
	m := Sample{
		Rate:  median(s, func(x Sample) float64 { return x.Rate }),
		P50:   median(s, func(x Sample) time.Duration { return x.P50 }),
		P99:   median(s, func(x Sample) time.Duration { return x.P99 }),
		Count: median(s, func(x Sample) int { return x.Count }),
		CPU:   map[string]time.Duration{},
	}
	for _, x := range s {
		m.Failed += x.Failed
		m.FirstError = cmp.Or(m.FirstError, x.FirstError)
	}
	for name := range s[0].CPU {
		m.CPU[name] = median(s, func(x Sample) time.Duration { return x.CPU[name] })
	}
	return m
}

func median[T cmp.Ordered](s Series, of func(Sample) T) T {
	all := make([]T, len(s))
	for i, x := range s {
		all[i] = of(x)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

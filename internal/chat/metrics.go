package chat

import (
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Metrics counts requests. It is safe for concurrent use.
type Metrics struct {
	mu sync.Mutex
	m  Stats
}

// Stats are numbers of a server.
type Stats struct {
	// Open is how many requests are under way.
	Open int
	// Requests counts those that have ended, by the kind of the target and how: answered or refused.
	Requests map[[2]string]int64
	// First has how long the first part of the answers took, by the kind of the target: how many, their sum, and how many
	// within each of FirstBounds.
	First map[string]Times
}

// Times is a histogram.
type Times struct {
	Count   uint64
	Sum     float64
	Buckets []uint64
}

// FirstBounds are the upper bounds of First's buckets, in seconds.
var FirstBounds = []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// NewMetrics returns counters at 0.
func NewMetrics() *Metrics {
	return &Metrics{m: Stats{Requests: map[[2]string]int64{}, First: map[string]Times{}}}
}

// begin counts a request, and returns what counts its end.
func (m *Metrics) begin() func(v1alpha1.QueryTargetType, *Fault) {
	m.mu.Lock()
	m.m.Open++
	m.mu.Unlock()
	return func(kind v1alpha1.QueryTargetType, fault *Fault) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.m.Open--
		outcome := "answered"
		if fault != nil {
			outcome = "refused"
			if fault.Status >= 500 {
				outcome = "failed"
			}
		}
		m.m.Requests[[2]string{kindLabel(kind), outcome}]++
	}
}

// kindLabel is the kind of a target that was found out.
func kindLabel(kind v1alpha1.QueryTargetType) string {
	if (target{kind: kind}).resource() == "" {
		return "none"
	}
	return string(kind)
}

// first counts how long the first part of an answer took.
func (m *Metrics) first(kind v1alpha1.QueryTargetType, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.m.First[string(kind)]
	if t.Buckets == nil {
		t.Buckets = make([]uint64, len(FirstBounds))
	}
	t.Count++
	t.Sum += took.Seconds()
	for i, bound := range FirstBounds {
		if took.Seconds() <= bound {
			t.Buckets[i]++
		}
	}
	m.m.First[string(kind)] = t
}

// Stats returns a copy of the numbers.
func (m *Metrics) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Stats{Open: m.m.Open, Requests: map[[2]string]int64{}, First: map[string]Times{}}
	for k, n := range m.m.Requests {
		out.Requests[k] = n
	}
	for k, t := range m.m.First {
		t.Buckets = append([]uint64(nil), t.Buckets...)
		out.First[k] = t
	}
	return out
}

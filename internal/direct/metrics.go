package direct

import (
	"strconv"
	"sync"
	"sync/atomic"
)

// The outcomes in addition to the classes of kube-apiserver's answers.
const (
	outcomeRefused     = "refused"
	outcomeUnreachable = "unreachable"
)

// Stats are counts of the requests that are the cluster's.
type Stats struct {
	// Outcomes are those that have ended: the class of kube-apiserver's answer (2xx and so on),
	// unreachable, or refused here.
	Outcomes map[string]int64
	// Requests and Watches are under way; watches are all that last: followed logs and upgrades, too.
	Requests, Watches int64
}

// counters are those of a Handler.
type counters struct {
	mu                sync.Mutex
	outcomes          map[string]int64
	requests, watches atomic.Int64
}

func newCounters() *counters {
	c := &counters{outcomes: map[string]int64{}}
	for _, outcome := range []string{"2xx", "4xx", "5xx", outcomeUnreachable, outcomeRefused} {
		c.outcomes[outcome] = 0 // to be seen before the first
	}
	return c
}

// Stats returns the counts as they are now.
func (h *Handler) Stats() Stats {
	h.counters.mu.Lock()
	defer h.counters.mu.Unlock()
	s := Stats{Outcomes: map[string]int64{}, Requests: h.counters.requests.Load(), Watches: h.counters.watches.Load()}
	for outcome, n := range h.counters.outcomes {
		s.Outcomes[outcome] = n
	}
	return s
}

func (c *counters) count(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[outcome]++
}

// countCode counts an answer of kube-apiserver by the class of its code.
func (c *counters) countCode(code int) { c.count(strconv.Itoa(code/100) + "xx") }

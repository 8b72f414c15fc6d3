package clientfault

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// counter is one for the process, as the log is.
var counter = metrics.NewCounterVec(&metrics.CounterOpts{
	Name:           "ark_client_faults_total",
	Help:           "What clients did wrong and what the log does not show, by reason: credentials, query (a selector, limit or timeout that cannot be parsed), disconnected before the answer, future_revision.",
	StabilityLevel: metrics.ALPHA,
}, []string{"reason"})

// Register adds the metric to those of the Kubernetes libraries. More than once is the same as
// once.
func Register() {
	if legacyregistry.Register(counter) != nil {
		return // it is there
	}
	for _, r := range []Reason{Credentials, Query, Disconnected, FutureRevision} {
		counter.WithLabelValues(string(r))
	}
}

// Count counts one mistake.
func Count(r Reason) { counter.WithLabelValues(string(r)).Inc() }

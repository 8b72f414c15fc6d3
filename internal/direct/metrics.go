package direct

import (
	"strconv"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const (
	outcomeRefused     = "refused"
	outcomeUnreachable = "unreachable"

	kindShort   = "request"
	kindLasting = "watch"
)

var (
	forwarded = metrics.NewCounterVec(&metrics.CounterOpts{
		Name:           "ark_direct_requests_total",
		Help:           "Requests at the direct endpoint that are the cluster's, by outcome: the class of kube-apiserver's answer (2xx and so on), unreachable, or refused here.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"outcome"})
	running = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Name:           "ark_direct_in_flight",
		Help:           "Requests that are passed to kube-apiserver at the moment, by kind: request, or watch (watches, followed logs and upgrades).",
		StabilityLevel: metrics.ALPHA,
	}, []string{"kind"})
)

// register adds the metrics to those of the Kubernetes libraries. More than once is the same as once.
func register() {
	if legacyregistry.Register(forwarded) != nil {
		return // they are there
	}
	legacyregistry.MustRegister(running)
	for _, outcome := range []string{"2xx", "4xx", "5xx", outcomeUnreachable, outcomeRefused} {
		forwarded.WithLabelValues(outcome)
	}
	for _, kind := range []string{kindShort, kindLasting} {
		running.WithLabelValues(kind)
	}
}

func count(outcome string) { forwarded.WithLabelValues(outcome).Inc() }

// countCode counts an answer of kube-apiserver by the class of its code.
func countCode(code int) { count(strconv.Itoa(code/100) + "xx") }

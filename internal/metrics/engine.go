package metrics

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Engine counts what the embedded engine does. Without one, everything stays 0.
type Engine struct {
	queryTime, firstToken *metrics.Histogram

	outcomes           [len(outcomes)]atomic.Int64
	called, failed     atomic.Int64
	retries, silent    atomic.Int64
	prompt, completion atomic.Int64
	queue              atomic.Pointer[func() (waiting, running int)]
}

// outcomes are the values of the label outcome.
var outcomes = [...]string{"done", "error", "timeout", "canceled"}

func newEngine(registry metrics.KubeRegistry, f *families) *Engine {
	e := &Engine{}
	histogram := func(f *family, buckets []float64) *metrics.Histogram {
		h := metrics.NewHistogram(&metrics.HistogramOpts{Name: f.name, Help: f.help, Buckets: buckets, StabilityLevel: stability})
		registry.MustRegister(h)
		return h
	}
	e.queryTime = histogram(f.engineQueryTime, metrics.ExponentialBuckets(0.01, 2, 18))    // to 22 min
	e.firstToken = histogram(f.engineFirstToken, metrics.ExponentialBuckets(0.005, 2, 14)) // to 41 s
	collect(registry, []*family{f.engineQueries, f.engineWaiting, f.engineRunning, f.engineCalls, f.engineRetries, f.engineTokens, f.engineSilent}, func(put putter) {
		for i, outcome := range outcomes {
			put(f.engineQueries, float64(e.outcomes[i].Load()), outcome)
		}
		waiting, running := 0, 0
		if queue := e.queue.Load(); queue != nil {
			waiting, running = (*queue)()
		}
		put(f.engineWaiting, float64(waiting))
		put(f.engineRunning, float64(running))
		put(f.engineCalls, float64(e.called.Load()), "ok")
		put(f.engineCalls, float64(e.failed.Load()), "failed")
		put(f.engineRetries, float64(e.retries.Load()))
		put(f.engineTokens, float64(e.prompt.Load()), "prompt")
		put(f.engineTokens, float64(e.completion.Load()), "completion")
		put(f.engineSilent, float64(e.silent.Load()))
	})
	return e
}

// Engine returns what counts the work of the embedded engine.
func (m *Metrics) Engine() *Engine { return m.engine }

// OfEngine are the metrics of an engine that has a process of its own.
type OfEngine struct {
	*Engine
	registry metrics.KubeRegistry
}

// NewOfEngine returns them.
func NewOfEngine(b Build) *OfEngine {
	f, registry := newFamilies(), metrics.NewKubeRegistry()
	collect(registry, []*family{f.build}, func(put putter) { put(f.build, 1, b.Version, b.Kubernetes, b.Storage) })
	return &OfEngine{newEngine(registry, f), registry}
}

// Handler serves these metrics together with those of the Go run time and of client-go.
func (o *OfEngine) Handler() http.Handler {
	return metrics.HandlerFor(prometheus.Gatherers{legacyregistry.DefaultGatherer, o.registry}, metrics.HandlerOpts{})
}

// Queue says how many Queries wait and run. Call it once.
func (e *Engine) Queue(lengths func() (waiting, running int)) { e.queue.Store(&lengths) }

// QueryEnded counts a Query by its outcome.
func (e *Engine) QueryEnded(outcome string, took time.Duration) {
	for i, name := range outcomes {
		if name == outcome {
			e.outcomes[i].Add(1)
		}
	}
	e.queryTime.Observe(took.Seconds())
}

// QueryWithoutEvents counts one that has none.
func (e *Engine) QueryWithoutEvents() { e.silent.Add(1) }

// ModelCalled counts a call. A failed one has no first token.
func (e *Engine) ModelCalled(firstToken time.Duration, prompt, completion int64, failed bool) {
	if failed {
		e.failed.Add(1)
		return
	}
	e.called.Add(1)
	e.firstToken.Observe(firstToken.Seconds())
	e.prompt.Add(prompt)
	e.completion.Add(completion)
}

// ModelRetried counts a request that is made again.
func (e *Engine) ModelRetried() { e.retries.Add(1) }

package metrics

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/component-base/metrics"

	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/heap"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/peer"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// Metrics are those of one server. Its methods may be called from any goroutine.
type Metrics struct {
	registry metrics.KubeRegistry
	// ofStore are those of a store, shown as soon as there is one.
	ofStore  metrics.KubeRegistry
	stored   atomic.Bool
	families *families

	commitTime, batchRequests, batchRevisions, pruneTime *metrics.Histogram

	batches     [results]atomic.Int64
	engine      *Engine
	chat        *Chat
	prunedRows  atomic.Int64
	pruneErrors atomic.Int64
	lastPruned  atomic.Int64 // Unix nanoseconds
}

var _ mvcc.Observer = (*Metrics)(nil)

// Build says what runs.
type Build struct {
	Version, Kubernetes string
	// Storage is the kind of the database.
	Storage string
}

// New returns metrics that know of no store yet.
func New(b Build) *Metrics {
	f := newFamilies()
	m := &Metrics{registry: metrics.NewKubeRegistry(), ofStore: metrics.NewKubeRegistry(), families: f}
	m.commitTime = m.histogram(f.commitTime, metrics.ExponentialBuckets(0.00025, 2, 16)) // to 8 s
	m.batchRequests = m.histogram(f.batchRequests, metrics.ExponentialBuckets(1, 2, 11)) // to 1,024
	m.batchRevisions = m.histogram(f.batchRevisions, metrics.ExponentialBuckets(1, 2, 11))
	m.pruneTime = m.histogram(f.pruneTime, metrics.ExponentialBuckets(0.001, 2, 14)) // to 8 s
	m.engine = newEngine(m.registry, f)
	m.chat = newChat(m.registry, f)
	collect(m.registry, []*family{f.build}, func(put putter) {
		put(f.build, 1, b.Version, b.Kubernetes, b.Storage)
	})
	return m
}

func (m *Metrics) histogram(f *family, buckets []float64) *metrics.Histogram {
	h := metrics.NewHistogram(&metrics.HistogramOpts{Name: f.name, Help: f.help, Buckets: buckets, StabilityLevel: stability})
	m.ofStore.MustRegister(h)
	return h
}

// Handler serves these metrics together with others.
func (m *Metrics) Handler(others metrics.Gatherer) http.Handler {
	store := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		if !m.stored.Load() {
			return nil, nil
		}
		return m.ofStore.Gather()
	})
	return metrics.HandlerFor(prometheus.Gatherers{others, m.registry, store}, metrics.HandlerOpts{})
}

// result is what became of a batch, as an index.
type result int

const (
	committed result = iota
	moved
	unknown
	noSpace
	failed
	results
)

var resultNames = [results]string{"committed", "moved", "unknown", "no_space", "failed"}

func resultOf(err error) result {
	switch {
	case err == nil:
		return committed
	case errors.Is(err, mvcc.ErrMoved):
		return moved
	case errors.Is(err, mvcc.ErrUnknownOutcome):
		return unknown
	case errors.Is(err, mvcc.ErrNoSpace):
		return noSpace
	}
	return failed
}

// Committed implements mvcc.Observer.
func (m *Metrics) Committed(b mvcc.BatchReport) {
	r := resultOf(b.Err)
	m.batches[r].Add(1)
	if r != committed {
		return
	}
	m.commitTime.Observe(b.Took.Seconds())
	m.batchRevisions.Observe(float64(b.Revisions))
	if b.Requests > 0 {
		m.batchRequests.Observe(float64(b.Requests))
	}
}

// Pruned implements mvcc.Observer.
func (m *Metrics) Pruned(rows int64, took time.Duration, err error) {
	m.prunedRows.Add(rows)
	m.pruneTime.Observe(took.Seconds())
	if err != nil {
		m.pruneErrors.Add(1)
		return
	}
	m.lastPruned.Store(time.Now().UnixNano())
}

// Store adds the metrics of a store and its endpoint. resources are the spans of keys to be
// measured apart, by name. Call it once.
func (m *Metrics) Store(store *mvcc.Store, endpoint *etcdserver.Server, resources map[string]mvcc.Span) {
	c := &storeCollector{Metrics: m, store: store, endpoint: endpoint, resources: resources}
	collect(m.ofStore, c.families(), c.collect)
	m.stored.Store(true)
}

// Connections adds those of the clients. Call it once.
func (m *Metrics) Connections(stats func() connections.Stats) {
	f := m.families
	collect(m.registry, []*family{f.httpConnections, f.connectionsRefused}, func(put putter) {
		s := stats()
		put(f.httpConnections, float64(s.Unproven), "unproven")
		put(f.httpConnections, float64(s.Proven), "proven")
		put(f.httpConnections, float64(s.Exempt), "exempt")
		for _, r := range connections.Reasons {
			put(f.connectionsRefused, float64(s.Refused[r]), string(r))
		}
	})
}

// History adds what is known of the history of objects.
func (m *Metrics) History(stats func() history.Stats, stored func() map[history.Resource]history.Stored) {
	f := m.families
	collect(m.registry, []*family{f.historyBegin, f.historyLag, f.historyVersions, f.historyRemoved, f.historyFailures, f.historyLinks, f.historyRows, f.historyStored, f.historyBytes}, func(put putter) {
		st := stats()
		put(f.historyBegin, float64(st.Begin))
		put(f.historyLag, float64(st.Lag))
		put(f.historyVersions, float64(st.Versions))
		put(f.historyRemoved, float64(st.Removed))
		put(f.historyFailures, float64(st.Failures))
		put(f.historyLinks, float64(st.Links))
		for resource, s := range stored() {
			put(f.historyRows, float64(s.Rows), resource.String())
			put(f.historyStored, float64(s.Versions), resource.String())
			put(f.historyBytes, float64(s.Bytes), resource.String())
		}
	})
}

// Peers adds what this replica knows of the others.
func (m *Metrics) Peers(stats func() peer.Stats) {
	f := m.families
	collect(m.registry, []*family{f.peerMember, f.peerOthers, f.peerCalls}, func(put putter) {
		st := stats()
		put(f.peerMember, boolean(st.Member))
		put(f.peerOthers, float64(st.Others))
		for k, kind := range peer.Kinds {
			for r, result := range peer.Results {
				put(f.peerCalls, float64(st.Calls[k][r]), kind, result)
			}
		}
	})
}

// DirectStats are those of a direct endpoint.
type DirectStats struct {
	Outcomes          map[string]int64
	Requests, Watches int64
	// Silent says that the cluster's kube-apiserver does not answer.
	Silent bool
}

// Direct adds the metrics of the direct endpoint. Call it once.
func (m *Metrics) Direct(stats func() DirectStats) {
	f := m.families
	collect(m.registry, []*family{f.directRequests, f.directInFlight, f.directAlone}, func(put putter) {
		st := stats()
		for outcome, n := range st.Outcomes {
			put(f.directRequests, float64(n), outcome)
		}
		put(f.directInFlight, float64(st.Requests), "request")
		put(f.directInFlight, float64(st.Watches), "watch")
		put(f.directAlone, boolean(st.Silent))
	})
}

// Findings is what an API server has found in its objects and in itself.
type Findings struct {
	// UnknownFields counts by resource and field.
	UnknownFields map[[2]string]int64
	// Undecodable counts by resource.
	Undecodable map[string]int64
	Panics      int64
	// Shed counts by verb.
	Shed map[string]int64
}

// API adds the metrics of an API server, which are those that current returns. Call it once.
func (m *Metrics) API(current func() Findings) {
	f := m.families
	collect(m.registry, []*family{f.unknownFields, f.undecodable, f.panics, f.memoryUsed, f.memoryLimit, f.shed}, func(put putter) {
		now := current()
		for key, n := range now.UnknownFields {
			put(f.unknownFields, float64(n), key[0], key[1])
		}
		for resource, n := range now.Undecodable {
			put(f.undecodable, float64(n), resource)
		}
		put(f.panics, float64(now.Panics))
		memory := heap.Current()
		put(f.memoryUsed, float64(memory.Used))
		put(f.memoryLimit, float64(memory.Limit))
		for verb, n := range now.Shed {
			put(f.shed, float64(n), verb)
		}
	})
}

// ServingCertificate adds when the certificate expires that current returns as PEM. Call
// it once.
func (m *Metrics) ServingCertificate(current func() (certificate, key []byte)) {
	f := m.families.certificate
	collect(m.registry, []*family{f}, func(put putter) {
		if at, ok := expiry(current()); ok {
			put(f, float64(at.Unix()))
		}
	})
}

// ReadModel adds what is known of the read model. Call it once.
func (m *Metrics) ReadModel(stats func() readmodel.Stats) {
	f := m.families
	collect(m.registry, []*family{f.modelReady, f.modelRevision, f.modelLag, f.modelLagTime, f.modelRows, f.modelBytes, f.modelBuilds, f.modelPast}, func(put putter) {
		st := stats()
		ready := 0.0
		if st.Ready {
			ready = 1
		}
		put(f.modelReady, ready)
		put(f.modelRevision, float64(st.Revision))
		put(f.modelLag, float64(st.Newest-st.Revision))
		behind := 0.0
		if !st.Behind.IsZero() {
			behind = time.Since(st.Behind).Seconds()
		}
		put(f.modelLagTime, behind)
		put(f.modelRows, float64(st.Rows))
		put(f.modelBytes, float64(st.Bytes))
		put(f.modelPast, float64(st.Past))
		put(f.modelBuilds, float64(st.Rebuilds))
	})
}

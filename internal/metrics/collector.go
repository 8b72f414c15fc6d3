package metrics

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"sync"
	"time"

	"k8s.io/component-base/metrics"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// putter takes one value of a family.
type putter func(f *family, value float64, labels ...string)

// collect registers families whose values are found out when they are scraped.
func collect(registry metrics.KubeRegistry, fs []*family, values func(putter)) {
	registry.CustomMustRegister(&collector{families: fs, values: values})
}

// collector is a metrics.StableCollector of some families.
type collector struct {
	metrics.BaseStableCollector
	families []*family
	values   func(putter)
}

// DescribeWithStability implements metrics.StableCollector.
func (c *collector) DescribeWithStability(ch chan<- *metrics.Desc) {
	for _, f := range c.families {
		ch <- f.desc
	}
}

// CollectWithStability implements metrics.StableCollector.
func (c *collector) CollectWithStability(ch chan<- metrics.Metric) {
	c.values(func(f *family, value float64, labels ...string) {
		t := metrics.GaugeValue
		if f.kind == counter {
			t = metrics.CounterValue
		}
		ch <- metrics.NewLazyConstMetric(f.desc, t, value, labels...)
	})
}

// storeCollector collects what a store and its endpoint tell.
type storeCollector struct {
	*Metrics
	store    *mvcc.Store
	endpoint *etcdserver.Server
	size     cachedSize
	// resources are measured apart, by name.
	resources map[string]mvcc.Span
}

// families are those that collect puts.
func (c *storeCollector) families() []*family {
	var fs []*family
	for _, f := range c.Metrics.families.all {
		if f.kind != histogram && !slices.Contains(c.Metrics.families.notOfStore(), f) {
			fs = append(fs, f)
		}
	}
	return fs
}

func (c *storeCollector) collect(put putter) {
	st := c.store.Stats()
	c.collectStore(put, st)
	c.collectPools(put, st.Pools)
	c.collectEndpoint(put, c.endpoint.Stats(), st.Revision)
}

func (c *storeCollector) collectStore(put putter, st mvcc.Stats) {
	f := c.Metrics.families
	put(f.revision, float64(st.Revision))
	put(f.newest, float64(st.Newest))
	put(f.lagRevisions, float64(st.Newest-st.Revision))
	put(f.lagSeconds, st.Behind.Seconds())
	put(f.compacted, float64(st.Compacted))
	put(f.pruned, float64(st.Pruned))
	put(f.keys, float64(st.Keys))
	c.collectLive(put)
	put(f.logRows, float64(st.LogRows()))
	if bytes, ok := c.size.get(c.store); ok {
		put(f.size, float64(bytes.Total))
		put(f.sideSize, float64(bytes.Side))
	}
	put(f.leases, float64(st.Leases))
	put(f.queue, float64(st.Queue))
	put(f.maintainer, boolean(st.Maintains))
	put(f.failing, boolean(!st.Writes.Since.IsZero()), "write")
	put(f.failing, boolean(!st.SideWrites.Since.IsZero()), "side_write")
	put(f.failing, boolean(!st.Reads.Since.IsZero()), "read")
	for r, name := range resultNames {
		put(f.batches, float64(c.batches[r].Load()), name)
	}
	put(f.unknown, float64(st.Landed), "landed")
	put(f.unknown, float64(st.Lost), "lost")
	put(f.doubt, boolean(st.Doubt))
	put(f.looks, float64(st.Looks-st.FailedLooks), "ok")
	put(f.looks, float64(st.FailedLooks), "failed")
	put(f.reloads, float64(st.Reloads))
	put(f.pending, float64(max(0, st.Prunable-st.Pruned)))
	put(f.prunedRows, float64(c.prunedRows.Load()))
	put(f.pruneErrors, float64(c.pruneErrors.Load()))
	put(f.lastPruned, float64(c.lastPruned.Load())/float64(time.Second))
	put(f.logReads, float64(st.LogReads))
	if c := st.Check; c != nil {
		put(f.checked, float64(c.Rows))
		put(f.checkProgress, c.Progress)
		put(f.damaged, float64(c.Damaged))
		completed := 0.0
		if !c.Completed.IsZero() {
			completed = float64(c.Completed.Unix())
		}
		put(f.checkCompleted, completed)
	}
}

// otherResources stands for keys that no resource has.
const otherResources = "other"

func (c *storeCollector) collectLive(put putter) {
	f := c.Metrics.families
	keys, bytes := c.store.Live(mvcc.Span{Key: []byte{0}, End: []byte{0}})
	for name, span := range c.resources {
		k, b := c.store.Live(span)
		put(f.liveKeys, float64(k), name)
		put(f.liveBytes, float64(b), name)
		keys, bytes = keys-k, bytes-b
	}
	put(f.liveKeys, float64(max(keys, 0)), otherResources)
	put(f.liveBytes, float64(max(bytes, 0)), otherResources)
}

func (c *storeCollector) collectPools(put putter, pools []mvcc.Pool) {
	f := c.Metrics.families
	for _, p := range pools {
		put(f.connections, float64(p.InUse), p.Name, "in_use")
		put(f.connections, float64(p.Idle), p.Name, "idle")
		put(f.connectionsMax, float64(p.Max), p.Name)
		if p.Opened >= 0 {
			put(f.connectionsOpened, float64(p.Opened), p.Name)
		}
		put(f.waits, float64(p.Waits), p.Name)
		put(f.waitsTime, p.WaitTime.Seconds(), p.Name)
	}
}

func (c *storeCollector) collectEndpoint(put putter, st etcdserver.Stats, revision int64) {
	f := c.Metrics.families
	for _, r := range st.Requests {
		put(f.requests, float64(r.Count), r.Method, r.Code.String())
	}
	lag := int64(0)
	for _, w := range st.Watchers {
		lag = max(lag, revision-w.Revision)
	}
	put(f.watchers, float64(len(st.Watchers)))
	put(f.watchLag, float64(lag))
	put(f.events, float64(st.Events))
	put(f.progress, float64(st.Progress))
	put(f.retries, float64(st.Retries))
	put(f.ended, float64(st.Compacted))
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

const (
	sizeLife    = 30 * time.Second
	sizeTimeout = time.Second
)

// cachedSize is the size of the database, which takes a question to it.
type cachedSize struct {
	mu    sync.Mutex
	at    time.Time
	bytes mvcc.Size
	known bool
}

func (s *cachedSize) get(store *mvcc.Store) (mvcc.Size, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) >= sizeLife {
		ctx, cancel := context.WithTimeout(context.Background(), sizeTimeout)
		defer cancel()
		bytes, err := store.Size(ctx)
		s.at, s.bytes, s.known = time.Now(), bytes, err == nil
	}
	return s.bytes, s.known
}

// expiry is when the first certificate of a PEM file expires.
func expiry(certificate, _ []byte) (time.Time, bool) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return time.Time{}, false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return leaf.NotAfter, true
}

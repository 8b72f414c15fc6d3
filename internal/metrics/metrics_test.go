package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"k8s.io/component-base/metrics"

	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/peer"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// served is a real store with its endpoint and its metrics.
type served struct {
	metrics  *Metrics
	store    *mvcc.Store
	endpoint *etcdserver.Server
	engine   *engine
}

// engine is a real one whose commits can be made to fail.
type engine struct {
	*sqlite.Engine
	fail atomic.Pointer[error]
}

func (e *engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	err := e.Engine.Commit(ctx, b)
	if planned := e.fail.Swap(nil); planned != nil {
		return *planned
	}
	return err
}

func open(t *testing.T) *served {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{metrics: New(Build{Version: "v1", Kubernetes: "v2", Storage: "sqlite"}), engine: &engine{Engine: db}}
	if s.store, err = mvcc.Open(t.Context(), s.engine, mvcc.Options{Observer: s.metrics, RingCommits: 4}); err != nil {
		t.Fatal(err)
	}
	s.endpoint = etcdserver.New(s.store, etcdserver.Options{})
	s.metrics.Store(s.store, s.endpoint, map[string]mvcc.Span{"queries.ark.mckinsey.com": {Key: []byte("/registry/ark.mckinsey.com/queries/"), End: []byte("/registry/ark.mckinsey.com/queries0")}})
	s.metrics.Connections(func() connections.Stats { return connections.Stats{} })
	s.metrics.History(func() history.Stats { return history.Stats{} }, func() map[history.Resource]history.Stored {
		return map[history.Resource]history.Stored{{Group: "ark.mckinsey.com", Resource: "agents"}: {Rows: 1, Versions: 2, Bytes: 3}}
	})
	s.metrics.ReadModel(func() readmodel.Stats { return readmodel.Stats{} })
	s.metrics.Direct(func() DirectStats { return DirectStats{Outcomes: map[string]int64{"2xx": 3}} })
	s.metrics.Peers(func() peer.Stats { return peer.Stats{} })
	s.metrics.Streams(func() StreamStats {
		return StreamStats{Streams: 3, Bytes: 4000, Readers: 2, Writers: 1, Chunks: 90, Dropped: 8, Overrun: 7}
	})
	s.metrics.API(func() Findings {
		return Findings{UnknownFields: map[[2]string]int64{{"queries", "status.x"}: 1}, Undecodable: map[string]int64{"queries": 1}, Shed: map[string]int64{"watch": 2}}
	})
	certificate := httptest.NewTLSServer(nil)
	certificate.Close()
	s.metrics.ServingCertificate(func() ([]byte, []byte) { return pemOf(certificate.Certificate()), nil })
	t.Cleanup(func() {
		s.endpoint.Stop()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *served) put(t *testing.T, key string) {
	t.Helper()
	if _, err := s.endpoint.KV().Put(t.Context(), &pb.PutRequest{Key: []byte(key), Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
}

// scrape returns what /metrics would.
func (s *served) scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.metrics.Handler(metrics.NewKubeRegistry()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return "\n" + w.Body.String()
}

// value finds a series in a scrape.
func value(t *testing.T, text, series string) float64 {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+series+" ")
	if !found {
		t.Fatalf("no series %s", series)
	}
	number, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What has happened is what is told.
func TestValues(t *testing.T) {
	s := open(t)
	for i := range 10 {
		s.put(t, fmt.Sprint("k", i%2)) // revisions 2 to 11
	}
	kv := s.endpoint.KV()
	if _, err := s.endpoint.Lease().LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 600}); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k0"), Revision: 99}); err == nil {
		t.Fatal("a future revision was read")
	}
	if _, err := s.store.Watch(mvcc.Span{Key: []byte("k"), End: []byte("l")}, 2).Poll(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Compact(t.Context(), &pb.CompactionRequest{Revision: 11, Physical: true}); err != nil {
		t.Fatal(err)
	}
	text := s.scrape(t)
	for series, want := range map[string]float64{
		`ark_build_info{kubernetes="v2",storage="sqlite",version="v1"}`: 1,
		"ark_store_revision":                                            11,
		"ark_store_newest_revision":                                     11,
		"ark_store_compacted_revision":                                  11,
		"ark_store_pruned_revision":                                     10, // the compacted one can still be read
		"ark_store_lag_revisions":                                       0,
		"ark_store_lag_seconds":                                         0,
		"ark_store_keys":                                                2,
		"ark_store_log_rows":                                            3,
		"ark_store_leases":                                              1,
		"ark_store_queue_length":                                        0,
		"ark_store_maintainer":                                          1,
		`ark_store_batches_total{result="committed"}`:                   12,
		"ark_store_commit_duration_seconds_count":                       12,
		"ark_store_batch_requests_sum":                                  12,
		"ark_store_batch_revisions_sum":                                 10,
		"ark_compaction_rows_deleted_total":                             7,
		"ark_compaction_pending_revisions":                              0,
		"ark_compaction_errors_total":                                   0,
		"ark_watch_log_reads_total":                                     1,
		`ark_endpoint_requests_total{code="OK",method="Put"}`:           10,
		`ark_endpoint_requests_total{code="OutOfRange",method="Range"}`: 1,
		`ark_endpoint_requests_total{code="OK",method="Compact"}`:       1,
		`ark_db_connections{pool="writer",state="in_use"}`:              1,
		`ark_db_connections_max{pool="readers"}`:                        8,
	} {
		if got := value(t, text, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if at := value(t, text, "ark_compaction_last_success_timestamp_seconds"); time.Since(time.Unix(int64(at), 0)) > time.Hour {
		t.Errorf("compacted at %v", at)
	}
	for _, series := range []string{"ark_store_database_bytes", "ark_serving_certificate_expiry_timestamp_seconds"} {
		if value(t, text, series) <= 0 {
			t.Errorf("%s is not positive", series)
		}
	}
}

// A commit with an unknown outcome is counted with what it turned out to be, and so are
// other failures.
func TestFailures(t *testing.T) {
	s := open(t)
	lost := fmt.Errorf("%w: cut", mvcc.ErrUnknownOutcome)
	s.engine.fail.Store(&lost)
	s.put(t, "k") // it is there after all
	full := fmt.Errorf("%w: full", mvcc.ErrNoSpace)
	broken := errors.New("broken")
	for _, err := range []*error{&full, &broken} {
		refusing := &refusal{Engine: s.engine.Engine, err: *err}
		store, openErr := mvcc.Open(t.Context(), refusing, mvcc.Options{Observer: s.metrics})
		if openErr != nil {
			t.Fatal(openErr)
		}
		if _, putErr := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("x")}}}, mvcc.Actor{}); putErr == nil {
			t.Error("a write was acknowledged that failed")
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text := s.scrape(t)
	for series, want := range map[string]float64{
		`ark_store_batches_total{result="unknown"}`:           1,
		`ark_store_batches_total{result="no_space"}`:          1,
		`ark_store_batches_total{result="failed"}`:            1,
		`ark_store_unknown_commits_total{outcome="landed"}`:   1,
		`ark_store_unknown_commits_total{outcome="lost"}`:     0,
		"ark_store_commit_in_doubt":                           0,
		`ark_endpoint_requests_total{code="OK",method="Put"}`: 1,
	} {
		if got := value(t, text, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// refusal is an engine that writes nothing. Closing it leaves the real one open.
type refusal struct {
	*sqlite.Engine
	err error
}

func (r *refusal) Commit(context.Context, *mvcc.Batch) error { return r.err }
func (r *refusal) Close() error                              { return nil }

// Watches are counted while they are open, with how far behind they are.
func TestWatches(t *testing.T) {
	s := open(t)
	s.put(t, "k")
	stats := func() etcdserver.Stats { return s.endpoint.Stats() }
	if n := len(stats().Watchers); n != 0 {
		t.Fatalf("%d watchers", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	client := watchClient(ctx, t, s.endpoint)
	if err := client.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 2},
	}}); err != nil {
		t.Fatal(err)
	}
	for got := 0; got < 1; {
		r, err := client.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got += len(r.Events)
	}
	text := s.scrape(t)
	for series, want := range map[string]float64{
		"ark_watch_watchers": 1, "ark_watch_events_sent_total": 1, `ark_endpoint_requests_total{code="OK",method="Watch"}`: 1, "ark_watch_lag_revisions": 0,
	} {
		if got := value(t, text, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	cancel()
	for deadline := time.Now().Add(time.Minute); len(stats().Watchers) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the watcher is still counted")
		}
	}
}

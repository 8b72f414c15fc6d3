package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// replica is one of several stores on a database.
func replica(t *testing.T, cfg database.Config) *served {
	t.Helper()
	cfg.Timeout = 2 * time.Second
	engine, err := postgres.Open(t.Context(), cfg, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{metrics: New(Build{Storage: "postgresql"})}
	if s.store, err = mvcc.Open(t.Context(), engine, mvcc.Options{Observer: s.metrics}); err != nil {
		t.Fatal(err)
	}
	s.endpoint = etcdserver.New(s.store, etcdserver.Options{})
	s.metrics.Store(s.store, s.endpoint, nil)
	t.Cleanup(func() {
		s.endpoint.Stop()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// wait polls until a condition on the metrics holds.
func (s *served) wait(t *testing.T, what string, holds func(text string) bool) {
	t.Helper()
	text := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text = s.scrape(t); holds(text) {
			return
		}
	}
	t.Fatalf("not seen: %s\n%.3000s", what, text)
}

// A replica that loses its way to the database says for how long and that its looks fail,
// and then that it has caught up. Of the two replicas one maintains.
func TestLag(t *testing.T) {
	cfg := sqltest.Own(t, sqltest.StartPostgres, sqltest.Options{}).Database(t)
	through := cfg
	proxy := sqltest.StartProxy(t, &through)
	far, near := replica(t, through), replica(t, cfg)
	near.put(t, "before")
	far.wait(t, "the other replica's write", func(text string) bool {
		return value(t, text, "ark_store_revision") == 2 && value(t, text, "ark_store_lag_revisions") == 0
	})
	maintainers := func() float64 {
		return value(t, far.scrape(t), "ark_store_maintainer") + value(t, near.scrape(t), "ark_store_maintainer")
	}
	near.wait(t, "one maintainer", func(string) bool { return maintainers() == 1 })

	failed := value(t, far.scrape(t), `ark_store_looks_total{result="failed"}`)
	proxy.Redirect("127.0.0.1:1") // where nothing listens
	proxy.Cut()
	for i := range 10 {
		near.put(t, fmt.Sprint("k", i))
	}
	far.wait(t, "a growing lag and failing looks", func(text string) bool {
		return value(t, text, "ark_store_lag_seconds") > 3 && value(t, text, `ark_store_looks_total{result="failed"}`) > failed
	})
	if lag := value(t, near.scrape(t), "ark_store_revision"); lag != 12 {
		t.Errorf("the other replica is at %v", lag)
	}
	proxy.Redirect(fmt.Sprintf("%s:%d", cfg.Host, cfg.Port))
	opened := `ark_db_connections_opened_total{pool="readers"}`
	far.wait(t, "the end of the lag", func(text string) bool {
		return value(t, text, "ark_store_revision") == 12 && value(t, text, "ark_store_lag_revisions") == 0 &&
			value(t, text, "ark_store_lag_seconds") < 3 && value(t, text, opened) > 1
	})
}

package history

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

var (
	postgresServer sqltest.Postgres
	mysqlServer    sqltest.MySQL
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		child(path)
	}
	code := m.Run()
	postgresServer.Stop()
	mysqlServer.Stop()
	os.Exit(code)
}

// TestHistoryOnServers checks that the history that two replicas keep, sometimes both at once, also
// equals the model on database servers; each version is archived once, and the hash chain is
// intact.
func TestHistoryOnServers(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		cfg := postgresServer.Database(t)
		twoReplicas(t, func() (mvcc.Engine, error) { return postgres.Open(t.Context(), cfg, postgres.Options{}) })
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mysqlServer.Database(t)
		twoReplicas(t, func() (mvcc.Engine, error) { return mysql.Open(t.Context(), cfg, mysql.Options{}) })
	})
}

func twoReplicas(t *testing.T, engine func() (mvcc.Engine, error)) {
	other := newWorld(t)
	other.engine, other.chained = engine, true
	other.open()
	w := newWorld(t)
	w.engine, w.chained = engine, true
	w.open()
	w.write(rand.New(rand.NewPCG(1, 2)))
	w.archiveAll()
	times := 0
	w.live(func() {
		var both sync.WaitGroup
		for _, a := range []*Archive{w.archive, other.archive} {
			both.Go(func() {
				if err := a.advance(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if times++; times%6 > 0 { // a verification reads everything
			return
		}
		if v := w.verify(); v.Break != "" {
			t.Error(v.Break)
		}
	})
	w.archiveAll()
	w.once()
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
	// Both replicas read the same.
	want := w.list(Query{Objects: true, Limit: 37})
	other.log = w.log
	if got := other.list(Query{Objects: true}); len(got) != len(want) {
		t.Errorf("the other replica reads %d versions, want %d", len(got), len(want))
	}
}

// TestPurgeOnServers checks that after an object is deleted and purged, no row of a database
// server's side tables has anything of it, nor has the log once it is compacted.
func TestPurgeOnServers(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		cfg := postgresServer.Database(t)
		purgeOn(t, func() (mvcc.Engine, error) { return postgres.Open(t.Context(), cfg, postgres.Options{}) })
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mysqlServer.Database(t)
		purgeOn(t, func() (mvcc.Engine, error) { return mysql.Open(t.Context(), cfg, mysql.Options{}) })
	})
}

func purgeOn(t *testing.T, engine func() (mvcc.Engine, error)) {
	w := newWorld(t)
	w.engine, w.chained = engine, true
	w.open()
	purgeMarked(w)
	if w.traces(marked(w)) {
		t.Error("the marker is still there")
	}
	first := int64(0)
	if _, err := w.store.Log(t.Context(), w.store.Stats().Compacted, w.store.Revision(), 8<<20, func(c *mvcc.Commit) error {
		for _, e := range c.Events {
			if strings.Contains(string(e.KV.Key)+string(e.KV.Value), marked(w)) {
				first = c.Revision
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if first > 0 {
		t.Errorf("the log has the marker at revision %d", first)
	}
	if v := w.verify(); v.Break != "" || v.Removed < 41 {
		t.Errorf("the chain: %+v", v)
	}
}

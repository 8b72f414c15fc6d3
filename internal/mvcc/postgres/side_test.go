package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/schema"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

func TestSideCutConnection(t *testing.T) {
	e, p := proxied(t)
	enginetest.SideCutConnection(t, p, e)
}

func TestSideLateBatch(t *testing.T) {
	e, p := proxied(t)
	enginetest.SideLateBatch(t, p, e)
}

func TestSideKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	enginetest.SideKilledServer(t, s, open(t, cfg))
}

func TestSideGoneBack(t *testing.T) {
	cfg := shared.Database(t)
	enginetest.SideGoneBack(t, func() mvcc.Shared { return open(t, cfg) }, func(after int64) {
		execute(t, cfg, fmt.Sprintf("DELETE FROM ark_side WHERE id > %d; DELETE FROM ark_side_batch WHERE newest > %[1]d", after))
	})
}

// TestSideUpgrade: a role that could use the tables of the release before can use side tables once
// another role has migrated, and a database that is moved on before that stays as it was.
func TestSideUpgrade(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	admin := s.Database(t)
	conn, err := newServer(admin).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	before := schema.Schema{Migrations: migrations[:sideVersion-1]}
	if _, err := before.Migrate(t.Context(), &migrator{server: newServer(admin), conn: conn}); err != nil {
		t.Fatal(err)
	}
	execute(t, admin, `CREATE ROLE "the runner" LOGIN`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ark_log, ark_state, ark_lease, ark_meta, ark_maintainer TO "the runner"`)
	if st, err := Bump(t.Context(), admin, 100); err != nil || st.Revision != 101 {
		t.Fatalf("%+v, %v", st, err)
	}
	if _, err := Migrate(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	cfg := admin
	cfg.User = "the runner"
	e, err := Open(t.Context(), cfg, Options{NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	enginetest.SideWorks(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	newest, _, err := newestSide(t, admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Bump(t.Context(), admin, 100); err != nil {
		t.Fatal(err)
	}
	if after, _, err := newestSide(t, admin); err != nil || after.Newest < newest.Newest+mvcc.SideBump {
		t.Errorf("ids go on from %d, %v; they had come to %d", after.Newest, err, newest.Newest)
	}
}

// newestSide opens an engine to find the newest point.
func newestSide(t *testing.T, cfg database.Config) (mvcc.SidePoint, bool, error) {
	t.Helper()
	e := open(t, cfg)
	defer e.Close()
	return e.SideFind(t.Context(), mvcc.SidePoint{})
}

func BenchmarkSide(b *testing.B) {
	e, err := Open(b.Context(), shared.Database(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	enginetest.BenchSide(b, e)
}

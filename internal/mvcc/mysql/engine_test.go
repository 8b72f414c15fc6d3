package mysql

import (
	"log/slog"
	"os"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

var server sqltest.MySQL

var quiet = Options{Log: slog.New(slog.DiscardHandler)}

func TestMain(m *testing.M) {
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

func open(t testing.TB, cfg database.Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) mvcc.Engine { return open(t, server.Database(t)) })
}

func TestShared(t *testing.T) {
	enginetest.RunShared(t, func(t *testing.T) (a, b mvcc.Shared) {
		cfg := server.Database(t)
		return open(t, cfg), open(t, cfg)
	})
}

func TestSide(t *testing.T) {
	enginetest.Side(t, func(t *testing.T) func() mvcc.Engine {
		cfg := server.Database(t)
		return func() mvcc.Engine { return open(t, cfg) }
	})
}

// TestMethods: every method of two replicas may be called beside every other one.
func TestMethods(t *testing.T) {
	cfg := server.Database(t)
	enginetest.Methods(t, open(t, cfg), open(t, cfg))
}

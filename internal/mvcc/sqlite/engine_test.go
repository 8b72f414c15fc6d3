package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) mvcc.Engine {
		e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}

// TestMethods: every method of a store may be called beside every other one.
func TestMethods(t *testing.T) {
	e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Methods(t, e)
}

func TestSide(t *testing.T) {
	enginetest.Side(t, func(t *testing.T) func() mvcc.Engine {
		path := filepath.Join(t.TempDir(), "ark.db")
		return func() mvcc.Engine {
			e, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
	})
}

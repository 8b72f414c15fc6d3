package history

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestTwoArchivers: where two replicas believe that they archive, readers see each version once.
func TestTwoArchivers(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	w := newWorld(t)
	w.open()
	other, err := Open(t.Context(), w.store, &Gate{}, selectAgents, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		for range 10 {
			w.write(r)
		}
		var both sync.WaitGroup
		for _, a := range []*Archive{w.archive, other} {
			both.Go(func() {
				if err := a.advance(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	w.check(r)
}

package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestCutOffPurgeLeavesNoNames checks that a purge that is interrupted after any of its steps, and
// repeated, leaves the object's name in no row, also if another removal comes first; and that no
// other versions are removed.
func TestCutOffPurgeLeavesNoNames(t *testing.T) {
	w := newWorld(t)
	w.chained = true
	w.open()
	w.archive.turnPatience = time.Millisecond
	r := rand.New(rand.NewPCG(1, 2))
	side := w.archive.side
	keep := Policy{Rules: []Rule{{}}}
	for after := int64(1); ; after++ {
		marker := fmt.Sprintf("marker-%03d", after)
		key := []byte("/registry/ark.mckinsey.com/agents/ns0/" + marker)
		ops := []mvcc.Op{&mvcc.Put{Key: key, Value: object("uid-"+marker, marker, 1, "a")}, &mvcc.Put{Key: key, Value: object("uid-"+marker, marker, 1, "b")}, &mvcc.Delete{Span: mvcc.Span{Key: key}}}
		for i, op := range ops {
			if _, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{User: "user-" + marker, Verb: "update"}); err != nil {
				t.Fatal(err)
			}
			if i != 1 { // versions that are alone in a step, and others that share one
				w.write(r)
			}
			w.archiveAll()
		}
		purge := func() error {
			_, err := w.archive.Purge(t.Context(), Target{UID: "uid-" + marker})
			return err
		}
		cut := &cutSteps{SideTables: side}
		cut.left.Store(after)
		w.archive.side = cut
		err := purge()
		w.archive.side = side
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if after%2 == 0 {
			if _, err := w.archive.Retain(t.Context(), keep, time.Now(), false); err != nil {
				t.Fatal(err)
			}
		}
		if again := purge(); again != nil {
			t.Fatal(again)
		}
		if w.rowTraces(marker) {
			t.Fatalf("cut off after %d steps: the name is still there", after)
		}
		if err == nil {
			break
		}
	}
	if n, err := side.Count(t.Context(), mvcc.SideKey(stateTable, restKey)); err != nil || n != 0 {
		t.Errorf("%d notes are left, %v", n, err)
	}
	w.once()
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
}

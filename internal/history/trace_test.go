package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// TestPurgeLeavesNoTrace: after an object is deleted and purged, the log compacted and the file written anew, nothing of the
// object or of who wrote it is in the database's files, nor in any row when it is decompressed.
func TestPurgeLeavesNoTrace(t *testing.T) {
	marker := fmt.Sprintf("marker%016x", rand.Uint64())
	w := newWorld(t)
	var engine *sqlite.Engine
	w.engine = func() (mvcc.Engine, error) {
		var err error
		engine, err = sqlite.Open(t.Context(), w.path, sqlite.Options{})
		return engine, err
	}
	w.open()
	key := "/registry/ark.mckinsey.com/agents/ns/" + marker
	put := func(key, uid, text string) {
		t.Helper()
		if _, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: object(uid, text, 1, text)}}},
			mvcc.Actor{User: "user-" + text, Verb: "update", UserAgent: text}); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for i := range 40 {
		put(key, "uid-"+marker, fmt.Sprint(marker, "-", i))
		w.write(r)
	}
	w.archiveAll()
	if !w.traces(marker) {
		t.Fatal("the marker is nowhere before: the test looks in the wrong places")
	}
	if _, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: []byte(key)}}}}, mvcc.Actor{User: "user-" + marker, Verb: "delete"}); err != nil {
		t.Fatal(err)
	}
	w.write(r)
	receipt, err := w.archive.Purge(t.Context(), "uid-"+marker, "")
	if err != nil || receipt.Removed[agents.String()] != 41 {
		t.Fatalf("%+v, %v, want 41 removed", receipt, err)
	}
	if err := w.store.Compact(t.Context(), w.store.Revision(), false); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); w.store.Stats().Pruned < w.store.Stats().Compacted-1; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("not pruned: %+v", w.store.Stats())
		}
	}
	if err := engine.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.traces(marker) {
		t.Error("the marker is still there")
	}
	w.check(r)
}

// traces reports whether a text is in the database's files, as it is or deflated in a row of the archive, or rebuilt.
func (w *world) traces(text string) (found bool) {
	w.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(w.path + suffix)
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		if at := bytes.Index(data, []byte(text)); at >= 0 {
			w.t.Logf("%s has it at %d: %q", suffix, at, data[max(0, at-40):min(len(data), at+40)])
			found = true
		}
	}
	for _, table := range []string{versionTable, stepTable, namespaceTable, userTable, uidTable, stateTable} {
		page, err := w.store.Side().Page(w.t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: table}, MaxBytes: mvcc.MaxSideData})
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range page.Rows {
			data := page.Rows[i].Data
			plain := data
			if table != stateTable && len(data) > 0 {
				if plain, err = inflate(data[0], data); err != nil {
					w.t.Fatal(err)
				}
			}
			if strings.Contains(string(page.Rows[i].Key)+string(plain), text) {
				w.t.Logf("a row of %s has it", table)
				found = true
			}
		}
	}
	return found
}

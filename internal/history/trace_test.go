package history

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// TestPurgeLeavesNoTrace checks that after an object is deleted and purged, the log compacted and
// the file vacuumed, the database's files have nothing of the object or its writer, nor has any row
// when it is decompressed. The hash chain has no names.
func TestPurgeLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	w.chained = true
	var engine *sqlite.Engine
	w.engine = func() (mvcc.Engine, error) {
		var err error
		engine, err = sqlite.Open(t.Context(), w.path, sqlite.Options{})
		return engine, err
	}
	w.open()
	r := purgeMarked(w)
	if err := engine.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.traces(marked(w)) {
		t.Error("the marker is still there")
	}
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
	w.check(r)
}

// marked returns a string that occurs only in a world's purged objects.
func marked(w *world) string {
	return fmt.Sprintf("marker%x", sha256.Sum256([]byte(w.path)))[:22]
}

// purgeMarked creates and deletes an object that has the marker in every field, purges it by its
// UID, and prunes the log.
func purgeMarked(w *world) *rand.Rand {
	t := w.t
	t.Helper()
	marker := marked(w)
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
	receipt, err := w.archive.Purge(t.Context(), Target{UID: "uid-" + marker})
	if err != nil || receipt.Removed[agents.String()] != 41 || len(receipt.Purged) != 1 || receipt.Purged[0].Name != marker {
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
	return r
}

// TestPurgeOfSession checks that all versions of a session's Queries are removed, and no others:
// neither those of another session's Queries, nor those of a later Query with the name of a deleted
// one.
func TestPurgeOfSession(t *testing.T) {
	queries := Resource{"ark.mckinsey.com", "queries"}
	w := newWorld(t)
	engine, err := w.engine()
	if err != nil {
		t.Fatal(err)
	}
	gate := &Gate{}
	if w.store, err = mvcc.Open(t.Context(), engine, mvcc.Options{Held: gate.Held}); err != nil {
		t.Fatal(err)
	}
	if w.archive, err = Open(t.Context(), w.store, gate, Options{Log: slog.Default(), Chain: true, Select: func(key []byte) (Ref, bool) {
		name, ok := strings.CutPrefix(string(key), "/registry/queries/ns/")
		return Ref{queries, "ns", name}, ok
	}}); err != nil {
		t.Fatal(err)
	}
	write := func(name, uid, session, phase string) {
		t.Helper()
		op := mvcc.Op(&mvcc.Put{Key: []byte("/registry/queries/ns/" + name), Value: fmt.Appendf(nil, `{"kind":"Query","metadata":{"name":%q,"uid":%q},"spec":{"sessionId":%q},"status":{"phase":%q}}`, name, uid, session, phase)})
		if uid == "" {
			op = &mvcc.Delete{Span: mvcc.Span{Key: []byte("/registry/queries/ns/" + name)}}
		}
		if _, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{User: "u", Verb: "update"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, phase := range []string{"pending", "running", "done"} {
		write("a", "uid-a", "s1", phase)
		write("b", "uid-b", "s2", phase)
		write("c", "uid-c", "", phase)
	}
	write("a", "", "", "")
	write("a", "uid-a2", "s2", "new")
	write("d", "uid-d", "s1", "new")
	w.archiveAll()
	receipt, err := w.archive.Purge(t.Context(), Target{Session: "s1"})
	if err != nil || receipt.Removed[queries.String()] != 5 || fmt.Sprint(receipt.Purged) != fmt.Sprint([]Purged{{Ref{queries, "ns", "a"}, "uid-a"}, {Ref{queries, "ns", "d"}, "uid-d"}}) {
		t.Fatalf("%+v, %v", receipt, err)
	}
	for uid, want := range map[string]int{"uid-a": 0, "uid-a2": 1, "uid-b": 3, "uid-c": 3, "uid-d": 0} {
		if got := w.list(Query{UID: uid}); len(got) != want {
			t.Errorf("%s: %d versions are left, want %d", uid, len(got), want)
		}
	}
	if again, err := w.archive.Purge(t.Context(), Target{Session: "s1"}); err != nil || len(again.Removed) != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
}

// traces reports whether a string is in the database's files, unchanged, or deflated in a row of
// the archive, or in a rebuilt object.
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
	return w.rowTraces(text) || found
}

// rowTraces reports whether a string is in a row of the archive, unchanged or deflated.
func (w *world) rowTraces(text string) (found bool) {
	w.t.Helper()
	for _, table := range []string{versionTable, stepTable, namespaceTable, userTable, uidTable, stateTable, chainTable} {
		page, err := w.store.Side().Page(w.t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: table}, MaxBytes: mvcc.MaxSideData})
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range page.Rows {
			data := page.Rows[i].Data
			plain := data
			if table != stateTable && table != chainTable && len(data) > 0 {
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

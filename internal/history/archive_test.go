package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

var agents = Resource{"ark.mckinsey.com", "agents"}

// selectAgents selects the keys /registry/GROUP/RESOURCE/NAMESPACE/NAME of agents.
func selectAgents(key []byte) (Ref, bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) != 6 || parts[3] != agents.Resource {
		return Ref{}, false
	}
	return Ref{agents, parts[4], parts[5]}, true
}

// world is a store with its history, and a model of both.
type world struct {
	t       *testing.T
	path    string
	engine  func() (mvcc.Engine, error)
	store   *mvcc.Store
	archive *Archive
	present map[string][]byte
	uid     map[string]string
	log     []*Version
	chained bool
	json    func(Ref, []byte) []byte
	// asOf are snapshots: the live objects at a revision.
	asOf map[int64]map[string][]byte
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "ark.db"),
		present: map[string][]byte{}, uid: map[string]string{}, asOf: map[int64]map[string][]byte{},
	}
	w.engine = func() (mvcc.Engine, error) { return sqlite.Open(t.Context(), w.path, sqlite.Options{}) }
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	engine, err := w.engine()
	if err != nil {
		w.t.Fatal(err)
	}
	gate := &Gate{}
	if w.store, err = mvcc.Open(w.t.Context(), engine, mvcc.Options{RingCommits: 8, Held: gate.Held}); err != nil {
		w.t.Fatal(err)
	}
	if w.archive, err = Open(w.t.Context(), w.store, gate, Options{Select: selectAgents, JSON: w.json, Chain: w.chained, Log: slog.Default()}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.archive.view(w.t.Context()); err != nil { // wait until it has begun
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.store == nil {
		return
	}
	if err := w.archive.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	w.store = nil
}

func object(uid, name string, generation int, phase string) []byte {
	return fmt.Appendf(nil, `{"kind":"Agent","metadata":{"name":%q,"uid":%q,"generation":%d,"annotations":{"ark.mckinsey.com/change-cause":"cause %d"}},"spec":{"prompt":%q},"status":{"phase":%q}}`,
		name, uid, generation, generation, strings.Repeat(fmt.Sprintf("Prompt %d of %s. ", generation, name), 40), phase)
}

// write makes one change, or sometimes deletes a namespace: all objects in it, one after the other.
func (w *world) write(r *rand.Rand) {
	w.t.Helper()
	ref := Ref{agents, fmt.Sprint("ns", r.IntN(2)), fmt.Sprint("a", r.IntN(6))}
	if r.IntN(80) > 0 {
		w.change(r, ref, false)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(w.present)) {
		if of, _ := selectAgents([]byte(key)); of.Namespace == ref.Namespace {
			w.change(r, of, true)
		}
	}
}

// change makes one change of an object.
func (w *world) change(r *rand.Rand, ref Ref, remove bool) {
	w.t.Helper()
	key := fmt.Sprintf("/registry/%s/%s/%s/%s", ref.Group, ref.Resource.Resource, ref.Namespace, ref.Name)
	v := &Version{Resource: agents, Namespace: ref.Namespace, Name: ref.Name, User: fmt.Sprint("user", r.IntN(3)), Groups: []string{"g", "h"}, AuditID: "id"}
	var op mvcc.Op
	switch {
	case w.present[key] == nil:
		w.uid[key] = fmt.Sprint("uid", len(w.log))
		v.Verb, v.Object = "create", object(w.uid[key], ref.Name, 1, "new")
		op = &mvcc.Put{Key: []byte(key), Value: v.Object}
	case remove || r.IntN(6) == 0:
		v.Verb, v.Deleted, v.Object = "delete", true, w.present[key]
		op = &mvcc.Delete{Span: mvcc.Span{Key: []byte(key)}}
	default:
		v.Verb, v.Object = "update", object(w.uid[key], ref.Name, 1+r.IntN(2), fmt.Sprint("phase", r.IntN(100)))
		op = &mvcc.Put{Key: []byte(key), Value: v.Object}
	}
	v.UID = w.uid[key]
	res, err := w.store.Txn(w.t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{User: v.User, Groups: "g,h", AuditID: "id", Verb: v.Verb})
	if err != nil {
		w.t.Fatal(err)
	}
	v.Revision = res.Revision
	w.log = append(w.log, v)
	if w.present[key] = v.Object; v.Deleted {
		delete(w.present, key)
	}
	w.asOf[v.Revision] = maps.Clone(w.present)
	// Other keys are also written.
	if r.IntN(3) == 0 {
		if _, err := w.store.Txn(w.t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("/registry/events/x"), Value: []byte("{}")}}}, mvcc.Actor{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// archiveAll archives everything in the log.
func (w *world) archiveAll() {
	w.t.Helper()
	for w.archive.known.Load().UpTo < w.store.Revision() {
		if err := w.archive.advance(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// list reads all pages of a query.
func (w *world) list(q Query) (all []*Version) {
	w.t.Helper()
	for {
		page, err := w.archive.List(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.Items...)
		if q.Continue = page.Continue; q.Continue == "" {
			return all
		}
	}
}

func same(a, b *Version) bool {
	return a.Revision == b.Revision && a.Ref() == b.Ref() && a.UID == b.UID && a.Verb == b.Verb && a.Deleted == b.Deleted && a.User == b.User &&
		slices.Equal(a.Groups, b.Groups) && a.AuditID == b.AuditID && bytes.Equal(a.Object, b.Object)
}

// check compares queries of all kinds with the model.
func (w *world) check(r *rand.Rand) {
	w.t.Helper()
	some := w.log[r.IntN(len(w.log))]
	for _, q := range []Query{
		{}, {Resource: agents, Namespace: some.Namespace, Name: some.Name}, {UID: some.UID}, {User: some.User}, {Verb: "delete"},
		{Resource: agents, Namespace: "ns1"}, {Namespace: "ns0"}, {From: some.Revision, To: some.Revision + 20}, {User: "user1", From: some.Revision}, {User: "nobody"},
	} {
		q.Objects, q.Limit, q.OldestFirst = true, 1+r.IntN(50), r.IntN(2) == 0
		var want []*Version
		for _, v := range w.log {
			if q.matches(v) {
				want = append(want, v)
			}
		}
		if !q.OldestFirst {
			slices.Reverse(want)
		}
		if got := w.list(q); !slices.EqualFunc(got, want, same) {
			w.t.Fatalf("%+v: got %d versions, want %d\n%v\n%v", q, len(got), len(want), brief(got), brief(want))
		}
	}
	if got, err := w.archive.Get(w.t.Context(), some.Ref(), some.Revision); err != nil || !same(got, some) {
		w.t.Fatalf("version %d: %+v, %v", some.Revision, got, err)
	}
	var got []string
	for cont := ""; ; {
		page, err := w.archive.AsOf(w.t.Context(), agents, "", some.Revision, 1+r.IntN(4), cont)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, v := range page.Items {
			got = append(got, string(v.Object))
		}
		if cont = page.Continue; cont == "" {
			break
		}
	}
	was := w.asOf[some.Revision]
	var want []string
	for _, key := range slices.Sorted(maps.Keys(was)) {
		want = append(want, string(was[key]))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("as of %d: got %d objects, want %d", some.Revision, len(got), len(want))
	}
	last := map[Ref]*Version{}
	for _, v := range w.log {
		last[v.Ref()] = v
	}
	gone := slices.SortedFunc(maps.Values(last), func(a, b *Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	gone = slices.DeleteFunc(gone, func(v *Version) bool { return !v.Deleted })
	if page, err := w.archive.Deleted(w.t.Context(), Query{Resource: agents, Objects: true}); err != nil || !slices.EqualFunc(page.Items, gone, same) {
		w.t.Fatalf("deleted: %v, %v, want %v", brief(page.Items), err, brief(gone))
	}
}

func brief(all []*Version) (s []string) {
	for _, v := range all {
		s = append(s, fmt.Sprint(v.Revision, v.Name, v.Verb))
	}
	return s
}

// TestHistory checks that the history of random changes, with compactions and restarts in between,
// equals the model.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.live(nil)
	// The log is pruned soon.
	for range 100 {
		if st := w.store.Stats(); st.Pruned >= st.Compacted-1 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("not pruned: %+v", w.store.Stats())
}

// cutSide cancels a caller's context after an append.
type cutSide struct {
	mvcc.SideTables
	stop func()
}

func (c cutSide) AppendIf(ctx context.Context, n mvcc.SideNewest, rows ...mvcc.SideRow) ([]int64, error) {
	ids, err := c.SideTables.AppendIf(ctx, n, rows...)
	c.stop()
	return ids, err
}

// live makes random changes, with compactions and restarts in between, and compares the history
// with the model. During that, it calls between from time to time.
func (w *world) live(between func()) {
	w.t.Helper()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	w.t.Logf("seed %d", seed)
	for range 8 {
		for range 60 {
			w.write(r)
			if r.IntN(40) == 0 {
				if err := w.archive.advance(w.t.Context()); err != nil {
					w.t.Fatal(err)
				}
			}
			if between != nil && r.IntN(20) == 0 {
				between()
			}
		}
		if err := w.store.Compact(w.t.Context(), w.store.Revision()-int64(r.IntN(10)), false); err != nil {
			w.t.Fatal(err)
		}
		w.check(r)
		if r.IntN(2) == 0 {
			w.close()
			w.open()
			w.check(r)
		}
	}
}

// TestBegin checks that objects from before the history are in it, once, also after an
// interruption; older times are refused.
func TestBegin(t *testing.T) {
	w := newWorld(t)
	engine, err := sqlite.Open(t.Context(), w.path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		key := fmt.Appendf(nil, "/registry/ark.mckinsey.com/agents/a/n%03d", i)
		if _, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: key, Value: object("u", "n", 1, "")}}}, mvcc.Actor{User: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	// It began, but was interrupted.
	engine, err = sqlite.Open(t.Context(), w.path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if store, err = mvcc.Open(t.Context(), engine, mvcc.Options{}); err != nil {
		t.Fatal(err)
	}
	cutOff, stop := context.WithCancel(t.Context())
	part := &Archive{store: store, side: cutSide{store.Side(), stop}, gate: &Gate{}, wanted: selectAgents, log: slog.Default()}
	part.known.Store(&progress{})
	if err := part.begin(cutOff); !errors.Is(err, context.Canceled) {
		t.Fatalf("begin is to be cut off: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	if n, err := w.store.Side().Count(t.Context(), mvcc.SideSpan{Table: versionTable}); err != nil || n != 500 {
		t.Errorf("%d rows, %v, want 500", n, err)
	}
	if got := w.list(Query{Objects: true, Limit: 7}); len(got) != 500 || got[0].Verb != VerbSeed || got[0].Object == nil {
		t.Errorf("%d versions, want 500 that are marked", len(got))
	}
	if page, err := w.archive.AsOf(t.Context(), agents, "a", w.store.Revision(), 1000, ""); err != nil || len(page.Items) != 500 {
		t.Errorf("as of now: %d, %v", len(page.Items), err)
	}
	var gone *GoneError
	if _, err := w.archive.AsOf(t.Context(), agents, "a", 100, 1000, ""); !errors.As(err, &gone) || gone.Oldest != 501 {
		t.Errorf("before the history: %v", err)
	}
	if _, err := w.archive.RevisionAt(t.Context(), time.Now().Add(-time.Hour)); !errors.As(err, &gone) {
		t.Errorf("an hour before the history: %v", err)
	}
}

package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
	"github.com/mckinsey/ark-server/internal/storetest"
)

// fixture is a real storage on SQLite.
type fixture struct {
	*Store
	kv  clientv3.KV
	all *kinds
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	all, err := newKinds()
	if err != nil {
		t.Fatal(err)
	}
	kv := storetest.OpenKV(t)
	return &fixture{Store: NewStore(kv), kv: kv, all: all}
}

// revision of the storage: it tells whether anything was written.
func (f *fixture) revision(t *testing.T) int64 {
	t.Helper()
	answer, err := f.kv.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return answer.Header.Revision
}

// object reads what is stored, with its revision.
func (f *fixture) object(t *testing.T, path string) (map[string]any, int64) {
	t.Helper()
	found, err := f.look(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if found.value == nil {
		return nil, 0
	}
	value, err := decodeJSON(found.value)
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any), found.revision
}

// write stores an object as a server would, without a record.
func (f *fixture) write(t *testing.T, path, value string) {
	t.Helper()
	if _, err := f.kv.Put(t.Context(), objectPrefix+path, value); err != nil {
		t.Fatal(err)
	}
}

// world is a source whose objects tests change. It stands for a cluster: each change has a
// resourceVersion of its own.
type world struct {
	id string
	// stop, if set, ends the list with an error after so many batches of one.
	stop    int
	version int
	objects map[string]map[string]any // by path
	absent  string                    // a kind that is not served
}

func newWorld() *world { return &world{id: "cluster w", objects: map[string]map[string]any{}} }

func (w *world) ID() string                { return w.id }
func (w *world) Serves(plural string) bool { return plural != w.absent }

type cutError struct{}

func (cutError) Error() string { return "the source broke off" }

func (w *world) Objects(_ context.Context, batch func([]Item) error) error {
	for n, path := range slices.Sorted(maps.Keys(w.objects)) {
		if w.stop > 0 && n >= w.stop {
			return cutError{}
		}
		text, err := json.Marshal(w.objects[path])
		if err != nil {
			return err
		}
		if err := batch([]Item{{Text: text}}); err != nil {
			return err
		}
	}
	return nil
}

// set changes or makes an object.
func (w *world) set(path string, object map[string]any) {
	w.version++
	metadata(object)["resourceVersion"] = fmt.Sprint(w.version)
	w.objects[path] = object
}

// samples fills the world with objects of every kind that hold everything that metadata can.
func (w *world) samples(t *testing.T, all *kinds, each int) {
	t.Helper()
	for _, s := range registrytest.Samples() {
		for n := range each {
			o := s.Object(fmt.Sprintf("team-%d", n%3), fmt.Sprintf("x-%d", n))
			o["status"] = s.StatusValue()
			meta := metadata(o)
			meta["uid"] = fmt.Sprintf("%s-%d-4d6f-8a5e", strings.ToLower(s.Kind), n)
			meta["creationTimestamp"] = "2025-01-31T12:00:00Z"
			meta["generation"] = 3
			meta["labels"] = map[string]any{"app": "any", "number": fmt.Sprint(n)}
			meta["annotations"] = map[string]any{"note": "<&>\u2028"}
			meta["finalizers"] = []any{"example.com/hold"}
			meta["ownerReferences"] = []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "o-1", "controller": true, "blockOwnerDeletion": true}}
			meta["managedFields"] = []any{map[string]any{"manager": "m", "operation": "Update", "apiVersion": "ark.mckinsey.com/" + s.Version,
				"time": "2025-01-31T12:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": map[string]any{}}}}
			if n == 1 {
				meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = "2025-02-01T12:00:00Z", 30
			}
			read, err := all.read(marshal(t, o))
			if err != nil {
				t.Fatal(err)
			}
			w.set(read.path(), o)
		}
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// said collects what a run reports.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) reports() Reports {
	return Reports{Line: func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, line)
	}}
}

func (s *said) want(t *testing.T, texts ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.lines, "\n")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("nothing was said of %q in:\n%s", text, all)
		}
	}
}

// wantCounts compares the totals of a summary; what is not given is 0.
func wantCounts(t *testing.T, s *Summary, want map[Outcome]int) {
	t.Helper()
	for _, o := range outcomes {
		if got := s.Total(o); got != want[o] {
			t.Errorf("%s: %d, want %d", o, got, want[o])
		}
	}
}

func mustImport(t *testing.T, from Source, into *fixture, o ImportOptions) *Summary {
	t.Helper()
	s, err := Import(t.Context(), from, into.Store, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

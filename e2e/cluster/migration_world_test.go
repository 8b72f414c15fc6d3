package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// world is the content of a cluster's Ark API, independent of the server.
type world struct {
	admin  *rest.Config
	client *rest.RESTClient
	// controller is another user with all rights.
	controller func() (*rest.Config, error)
	kinds      []registrytest.Sample
}

const teams = 8

func newWorld(t *testing.T, e *env) *world {
	t.Helper()
	client, err := component.RawClient(e.cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{admin: e.cluster.Config, client: client, kinds: registrytest.Samples()}
	w.controller = func() (*rest.Config, error) { return e.cluster.CertUser("ark-controller", "system:masters") }
	for n := range teams {
		e.run(t, "create", "namespace", team(n))
		needed := map[string]string{}
		for _, s := range w.kinds {
			for _, o := range s.NeededObjects(team(n)) {
				needed[fmt.Sprint(o["kind"], metaOf(o)["name"])] = string(encode(o))
			}
		}
		e.apply(t, strings.Join(slices.Sorted(maps.Values(needed)), "\n---\n"), "create", "-f", "-")
	}
	return w
}

func team(n int) string { return fmt.Sprintf("team-%d", n%teams) }

// path of an object, or with an empty name of the collection that it is in.
func path(s registrytest.Sample, namespace, name string) string {
	p := "/apis/ark.mckinsey.com/" + s.Version
	if !s.ClusterScoped {
		p += "/namespaces/" + namespace
	}
	return strings.TrimSuffix(p+"/"+s.Plural+"/"+name, "/")
}

// fill makes objects of every kind in every namespace: with status, labels, finalizers, owners, and
// some being deleted.
func (w *world) fill(t *testing.T, n int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(12)
	each := n / len(w.kinds)
	by := w.owners(t, "owner")
	for k, s := range w.kinds {
		count := each
		if k == 0 {
			count = n - each*(len(w.kinds)-1)
		}
		for i := range count {
			group.Go(func() error { return w.make(t.Context(), s, i, fmt.Sprintf("x-%d", i), by) })
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// owners are agents of one name, one in each namespace, that own others.
type owners struct {
	name string
	uids [teams]string
}

func (w *world) owners(t *testing.T, name string) owners {
	t.Helper()
	agent := w.kinds[slices.IndexFunc(w.kinds, func(s registrytest.Sample) bool { return s.Kind == "Agent" })]
	made := owners{name: name}
	for i := range teams {
		o, err := w.create(t.Context(), agent, agent.Object(team(i), name))
		if err != nil {
			t.Fatal(err)
		}
		made.uids[i] = metaOf(o)["uid"].(string)
	}
	return made
}

func (w *world) make(ctx context.Context, s registrytest.Sample, i int, name string, by owners) error {
	o := s.Object(team(i), name)
	meta := metaOf(o)
	meta["labels"] = map[string]any{"app": "any", "number": fmt.Sprint(i)}
	meta["annotations"] = map[string]any{"note": "<&> \u2028 \"quoted\""}
	if i%4 == 0 {
		meta["finalizers"] = []any{"example.com/hold"}
	}
	if i%3 == 0 && !s.ClusterScoped {
		meta["ownerReferences"] = []any{map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Agent", "name": by.name, "uid": by.uids[i%teams]}}
	}
	made, err := w.create(ctx, s, o)
	if err != nil {
		return err
	}
	if i%2 == 0 {
		made["status"] = s.StatusValue()
		if _, err := w.client.Put().AbsPath(path(s, team(i), name), "status").Body(encode(made)).DoRaw(ctx); err != nil {
			return fmt.Errorf("write the status of %s: %w", name, err)
		}
	}
	if i%40 == 0 { // it stays, for its finalizer
		_, err := w.client.Delete().AbsPath(path(s, team(i), name)).DoRaw(ctx)
		return err
	}
	return nil
}

func (w *world) create(ctx context.Context, s registrytest.Sample, o map[string]any) (map[string]any, error) {
	namespace, _ := metaOf(o)["namespace"].(string)
	text, err := w.client.Post().AbsPath(path(s, namespace, "")).Body(encode(o)).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("create a %s: %w: %s", s.Kind, err, text)
	}
	return decode(text), nil
}

// churn changes and deletes some objects of every kind, and makes new ones with new owners. Those
// that it changes are numbered from first on.
func (w *world) churn(t *testing.T, word string, first int) {
	t.Helper()
	ctx := t.Context()
	by := w.owners(t, "owner-"+word)
	var group errgroup.Group
	group.SetLimit(12)
	for _, s := range w.kinds {
		for i := 1; i < 31; i++ {
			group.Go(func() error {
				name, namespace := fmt.Sprintf("x-%d", first+i), team(first+i)
				switch i % 3 {
				case 0:
					patch := fmt.Sprintf(`{"metadata":{"labels":{"changed":%q},"annotations":{"note":null}},"spec":%s}`, word, s.Changed)
					text, err := w.client.Patch("application/merge-patch+json").AbsPath(path(s, namespace, name)).Body([]byte(patch)).DoRaw(ctx)
					if err != nil {
						return fmt.Errorf("change %s %s: %w: %s", s.Kind, name, err, text)
					}
				case 1:
					if _, err := w.client.Patch("application/merge-patch+json").AbsPath(path(s, namespace, name)).Body([]byte(`{"metadata":{"finalizers":null}}`)).DoRaw(ctx); err != nil {
						return fmt.Errorf("release %s %s: %w", s.Kind, name, err)
					}
					if _, err := w.client.Delete().AbsPath(path(s, namespace, name)).DoRaw(ctx); err != nil && !apierrors.IsNotFound(err) {
						return fmt.Errorf("delete %s %s: %w", s.Kind, name, err)
					}
				case 2:
					return w.make(ctx, s, i*2, fmt.Sprintf("%s-%d", word, i), by)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// snapshot reads every object, by its path, as its server serves it.
func (w *world) snapshot(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, s := range w.kinds {
		next := ""
		for {
			text, err := w.client.Get().AbsPath("/apis/ark.mckinsey.com/"+s.Version+"/"+s.Plural).Param("limit", "500").Param("continue", next).DoRaw(t.Context())
			if err != nil {
				t.Fatalf("list %s: %v", s.Plural, err)
			}
			var list struct {
				Metadata struct{ Continue string }
				Items    []map[string]any
			}
			if err := json.Unmarshal(text, &list); err != nil {
				t.Fatal(err)
			}
			for _, item := range list.Items {
				namespace, _ := metaOf(item)["namespace"].(string)
				delete(item, "apiVersion") // lists of some servers leave them out
				delete(item, "kind")
				delete(metaOf(item), "resourceVersion")
				all[path(s, namespace, metaOf(item)["name"].(string))] = item
			}
			if next = list.Metadata.Continue; next == "" {
				break
			}
		}
	}
	return all
}

// requireSame wants two snapshots to be equal but for empty structures.
func requireSame(t *testing.T, want, got map[string]map[string]any) {
	t.Helper()
	if len(want) < migrated {
		t.Fatalf("only %d objects", len(want))
	}
	faults := 0
	for _, at := range union(want, got) {
		x, y := string(encode(registrytest.WithoutEmpty(want[at]))), string(encode(registrytest.WithoutEmpty(got[at])))
		if x != y {
			if faults++; faults <= 10 {
				t.Errorf("%s:\nwas %s\nis  %s", at, x, y)
			}
		}
	}
	t.Logf("%d objects compared, %d differ", len(want), faults)
}

// requireBack wants the cluster to have what ark-server had, and the old uid and creation time
// where the cluster knew the object before.
func requireBack(t *testing.T, want, before, got map[string]map[string]any) {
	t.Helper()
	uids := map[string]string{} // by those in ark-server
	for at, o := range got {
		if w, ok := want[at]; ok {
			uids[metaOf(w)["uid"].(string)] = metaOf(o)["uid"].(string)
		}
	}
	faults, kept, fresh := 0, 0, 0
	fault := func(format string, args ...any) {
		if faults++; faults <= 10 {
			t.Errorf(format, args...)
		}
	}
	for _, at := range union(want, got) {
		w, g := clone(want[at]), clone(got[at])
		if w == nil || g == nil {
			fault("%s: in ark-server %t, in the cluster %t", at, w != nil, g != nil)
			continue
		}
		if old, ok := before[at]; ok && metaOf(old)["uid"] == metaOf(w)["uid"] {
			kept++
			if metaOf(old)["uid"] != metaOf(g)["uid"] || metaOf(old)["creationTimestamp"] != metaOf(g)["creationTimestamp"] {
				fault("%s has another identity than it had before", at)
			}
		} else {
			fresh++
		}
		for _, o := range []map[string]any{w, g} {
			if metaOf(o)["deletionTimestamp"] != nil {
				metaOf(o)["deletionTimestamp"] = "set"
			}
			for _, field := range []string{"uid", "creationTimestamp", "generation", "managedFields", "deletionGracePeriodSeconds"} {
				delete(metaOf(o), field)
			}
		}
		owners, _ := metaOf(w)["ownerReferences"].([]any)
		for _, one := range owners {
			reference := one.(map[string]any)
			uid, ok := uids[reference["uid"].(string)]
			if !ok {
				fault("%s has an owner that does not exist", at)
			}
			reference["uid"] = uid
		}
		if x, y := string(encode(registrytest.WithoutEmpty(w))), string(encode(registrytest.WithoutEmpty(g))); x != y {
			fault("%s:\nwas %s\nis  %s", at, x, y)
		}
	}
	t.Logf("%d objects kept their identity, %d are new in the cluster, %d differ", kept, fresh, faults)
	if kept < migrated/2 || fresh < len(want)/100 {
		t.Errorf("that says little")
	}
}

// kindAt is the plural of a path's kind.
func (w *world) kindAt(at string) string {
	parts := strings.Split(at, "/")
	return parts[len(parts)-2]
}

func union(a, b map[string]map[string]any) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func metaOf(o map[string]any) map[string]any {
	meta, _ := o["metadata"].(map[string]any)
	return meta
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the values come from JSON
	}
	return text
}

func decode(text []byte) (o map[string]any) {
	if err := json.Unmarshal(text, &o); err != nil {
		panic(err) // an API server's answer
	}
	return o
}

func clone(o map[string]any) map[string]any {
	if o == nil {
		return nil
	}
	return decode(encode(o))
}

package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const namespace = "gitops"

// world is a namespace, and what a repository wants in it: one object of every kind with what it
// refers to.
type world struct {
	config    *rest.Config
	client    dynamic.Interface
	manifests []*unstructured.Unstructured
}

// more returns a sample with durations that Go writes in another form, and with values that are
// defaults.
func more(kind registrytest.Sample) map[string]any {
	fields := map[string]any{}
	for path, schema := range kind.Facts.Fields {
		name, inSpec := strings.CutPrefix(path, "spec.")
		if !inSpec || strings.ContainsAny(name, ".[{") {
			continue
		}
		if schema["go"] == "duration" {
			fields[name] = "5m"
		} else if text, ok := schema["default"].(string); ok {
			fields[name] = text
		}
	}
	return fields
}

func newWorld(t *testing.T, config *rest.Config) *world {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{config: config, client: client}
	space := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}}}
	if _, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(t.Context(), space, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	add := func(object map[string]any) {
		u := &unstructured.Unstructured{Object: object}
		if key := u.GetKind() + "/" + u.GetName(); !seen[key] {
			seen[key] = true
			w.manifests = append(w.manifests, u)
		}
	}
	for _, kind := range registrytest.Samples() {
		for _, needed := range kind.NeededObjects(namespace) {
			if needed["kind"] == "Secret" { // applied, not created: the API server turns stringData into data
				delete(needed, "stringData")
				needed["data"] = map[string]any{"openai": "c2stc2FtcGxl"}
			}
			add(needed)
		}
		object := kind.Object(namespace, "sample")
		for field, value := range more(kind) {
			object["spec"].(map[string]any)[field] = value
		}
		add(object)
	}
	return w
}

// wanted returns copies of the manifests, which the engines change.
func (w *world) wanted() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, m := range w.manifests {
		out = append(out, m.DeepCopy())
	}
	return out
}

// layers splits objects into what others refer to and the rest. Ark refuses a Query before its
// Agent and a Model before its Secret, also in the dry run of everything that Flux begins with, so
// a repository syncs them one after the other.
func layers(objects []*unstructured.Unstructured) [2][]*unstructured.Unstructured {
	var out [2][]*unstructured.Unstructured
	for _, o := range objects {
		layer := 0
		if o.GetName() == "sample" {
			layer = 1
		}
		out[layer] = append(out[layer], o)
	}
	return out
}

func (w *world) resource(u *unstructured.Unstructured) dynamic.ResourceInterface {
	plural := strings.ToLower(u.GetKind()) + "s"
	for _, kind := range registrytest.Samples() {
		if kind.Kind == u.GetKind() {
			plural = kind.Plural
		}
	}
	all := w.client.Resource(u.GroupVersionKind().GroupVersion().WithResource(plural))
	if u.GetNamespace() == "" {
		return all
	}
	return all.Namespace(u.GetNamespace())
}

func (w *world) live(t *testing.T, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	live, err := w.resource(u).Get(t.Context(), u.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
	}
	return live
}

// versions are the resourceVersions of all that the manifests name.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range w.manifests {
		out[m.GetKind()+"/"+m.GetName()] = w.live(t, m).GetResourceVersion()
	}
	return out
}

// unchanged fails the test for each object that has been written since the versions were taken.
func (w *world) unchanged(t *testing.T, what string, before map[string]string) {
	t.Helper()
	for name, version := range w.versions(t) {
		if version != before[name] {
			t.Errorf("%s: %s was written: resourceVersion %s, before %s", what, name, version, before[name])
		}
	}
}

// ark calls f for the manifest of each Ark kind, with its sample.
func (w *world) ark(t *testing.T, f func(t *testing.T, m *unstructured.Unstructured, kind registrytest.Sample)) {
	t.Helper()
	for _, kind := range registrytest.Samples() {
		for _, m := range w.manifests {
			if m.GetKind() == kind.Kind && m.GetName() == "sample" {
				f(t, m, kind)
			}
		}
	}
}

// report writes a status into every object, as Ark's controllers do, and a finalizer and an
// annotation, as they may.
func (w *world) report(t *testing.T) {
	t.Helper()
	w.ark(t, func(t *testing.T, m *unstructured.Unstructured, kind registrytest.Sample) {
		body, err := json.Marshal(map[string]any{"status": kind.StatusValue()})
		if err != nil {
			t.Fatal(err)
		}
		options := metav1.PatchOptions{FieldManager: "controller"}
		if _, err := w.resource(m).Patch(t.Context(), m.GetName(), types.MergePatchType, body, options, "status"); err != nil {
			t.Errorf("the status of %s: %v", m.GetKind(), err)
		}
		note := []byte(`{"metadata":{"annotations":{"example.com/seen":"yes"}}}`)
		if _, err := w.resource(m).Patch(t.Context(), m.GetName(), types.MergePatchType, note, options); err != nil {
			t.Errorf("an annotation of %s: %v", m.GetKind(), err)
		}
	})
}

// drift changes every object by hand, but for the Team, which it deletes.
func (w *world) drift(t *testing.T) {
	t.Helper()
	w.ark(t, func(t *testing.T, m *unstructured.Unstructured, kind registrytest.Sample) {
		if kind.Kind == "Team" {
			if err := w.resource(m).Delete(t.Context(), m.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Errorf("delete %s: %v", m.GetKind(), err)
			}
			return
		}
		body := []byte(`{"spec":` + kind.Changed + `}`)
		if _, err := w.resource(m).Patch(t.Context(), m.GetName(), types.MergePatchType, body, metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
			t.Errorf("change %s: %v", m.GetKind(), err)
		}
	})
}

// healed returns an error unless all that drifted is as the manifests say.
func (w *world) healed(t *testing.T) error {
	var fault error
	w.ark(t, func(t *testing.T, m *unstructured.Unstructured, kind registrytest.Sample) {
		live, err := w.resource(m).Get(t.Context(), m.GetName(), metav1.GetOptions{})
		if err != nil {
			fault = fmt.Errorf("%s: %w", m.GetKind(), err)
			return
		}
		var drifted map[string]any
		if err := json.Unmarshal([]byte(kind.Changed), &drifted); err != nil {
			t.Fatal(err)
		}
		want, have := m.Object["spec"].(map[string]any), live.Object["spec"].(map[string]any)
		for field := range drifted {
			if !same(want[field], have[field]) {
				fault = fmt.Errorf("%s: spec.%s is %v, want %v", m.GetKind(), field, have[field], want[field])
			}
		}
	})
	return fault
}

// same compares values, durations by what they mean.
func same(a, b any) bool {
	if x, err := time.ParseDuration(fmt.Sprint(a)); err == nil {
		y, err := time.ParseDuration(fmt.Sprint(b))
		return err == nil && x == y
	}
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// gone returns an error unless every Ark object of the manifests has been deleted.
func (w *world) gone(t *testing.T) error {
	var fault error
	w.ark(t, func(t *testing.T, m *unstructured.Unstructured, _ registrytest.Sample) {
		if _, err := w.resource(m).Get(t.Context(), m.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			fault = fmt.Errorf("%s is there: %v", m.GetKind(), err)
		}
	})
	return fault
}

// eventually tries until it gets no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

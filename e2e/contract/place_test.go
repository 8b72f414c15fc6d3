package contract

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const (
	mergePatch     = "application/merge-patch+json"
	jsonPatch      = "application/json-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"
)

// kinds are the kinds of the API with a sample of each.
func kinds() []registrytest.Sample { return registrytest.Samples() }

// place is where a test keeps objects of one kind that no other test sees: a namespace of its own.
// Objects of a kind without namespaces carry its name as a prefix and a label instead.
type place struct {
	*server
	kind      registrytest.Sample
	namespace string
}

// placeLabel marks the objects of a place.
const placeLabel = "place"

// newNamespace makes a namespace that nobody else uses.
func (s *server) newNamespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("place-%d", s.namespaces.Add(1))
	s.do(t, request{method: "POST", path: "/api/v1/namespaces", body: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}).want(t, 201)
	return name
}

// place makes a new one for a kind, with what its samples refer to.
func (s *server) place(t *testing.T, kind registrytest.Sample) place {
	t.Helper()
	p := place{server: s, kind: kind, namespace: s.newNamespace(t)}
	p.provide(t, kind.NeededObjects(p.namespace))
	return p
}

// placeForAll makes a place for all kinds; of changes the kind.
func (s *server) placeForAll(t *testing.T) place {
	t.Helper()
	p := place{server: s, kind: kinds()[0], namespace: s.newNamespace(t)}
	for _, kind := range kinds() {
		p.provide(t, kind.NeededObjects(p.namespace))
	}
	return p
}

// provide creates what samples refer to, where it is not there yet.
func (p place) provide(t *testing.T, objects []map[string]any) {
	t.Helper()
	for _, o := range objects {
		path := "/api/v1/namespaces/" + p.namespace + "/secrets"
		if o["kind"] != "Secret" {
			path = p.of(kindNamed(o["kind"].(string))).collection()
		}
		if a := p.do(t, request{method: "POST", path: path, body: o}); a.code != 201 && a.code != 409 {
			t.Fatalf("%s: %d: %s", a.request, a.code, excerpt(a.body))
		}
	}
}

// of is the same place for another kind.
func (p place) of(kind registrytest.Sample) place {
	p.kind = kind
	return p
}

func kindNamed(name string) registrytest.Sample {
	for _, k := range kinds() {
		if k.Kind == name {
			return k
		}
	}
	panic("no kind " + name)
}

// name is what an object of the place is called.
func (p place) name(short string) string {
	if p.kind.ClusterScoped {
		return p.namespace + "-" + short
	}
	return short
}

func (p place) groupPath() string { return "/apis/ark.mckinsey.com/" + p.kind.Version }

// collection is the path of all objects of the kind in the namespace.
func (p place) collection() string {
	if p.kind.ClusterScoped {
		return p.groupPath() + "/" + p.kind.Plural
	}
	return p.groupPath() + "/namespaces/" + p.namespace + "/" + p.kind.Plural
}

// query is the collection with parameters ("limit=5", ...); a kind without namespaces is narrowed
// to the place by its label.
func (p place) query(parameters ...string) string {
	selector := ""
	if p.kind.ClusterScoped {
		selector = placeLabel + "=" + p.namespace
	}
	values := url.Values{}
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		if name == "labelSelector" && selector != "" {
			value += "," + selector
			selector = ""
		}
		values.Add(name, value)
	}
	if selector != "" {
		values.Add("labelSelector", selector)
	}
	return p.collection() + "?" + values.Encode()
}

// path is that of one object, or of a subresource of it.
func (p place) path(short string, sub ...string) string {
	return strings.Join(append([]string{p.collection(), p.name(short)}, sub...), "/")
}

// sample is a valid object; change, where given, edits it.
func (p place) sample(short string, change ...func(object)) object {
	o := &unstructured.Unstructured{Object: p.kind.Object(p.namespace, p.name(short))}
	o.SetLabels(map[string]string{placeLabel: p.namespace})
	for _, f := range change {
		f(o)
	}
	return o
}

// changed is a copy with another spec.
func (p place) changed(o object) object {
	o = o.DeepCopy()
	var change map[string]any
	if err := json.Unmarshal([]byte(p.kind.Changed), &change); err != nil {
		panic(err) // the samples are constants
	}
	spec, _ := o.Object["spec"].(map[string]any)
	for field, value := range change {
		spec[field] = value
	}
	return o
}

// withStatus is a copy with the sample's status.
func (p place) withStatus(o object) object {
	o = o.DeepCopy()
	o.Object["status"] = p.kind.StatusValue()
	return o
}

// hasStatusFields says whether the kind's status has any field; that of ArkConfig has none.
func (p place) hasStatusFields() bool { return len(p.kind.StatusValue()) > 0 }

func (p place) post(t *testing.T, o object, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "POST", path: p.collection() + suffix(parameters), body: o})
}

func (p place) create(t *testing.T, short string, change ...func(object)) object {
	t.Helper()
	return p.post(t, p.sample(short, change...)).want(t, 201).object(t)
}

func (p place) read(t *testing.T, short string) object {
	t.Helper()
	return p.get(t, p.path(short)).want(t, 200).object(t)
}

// gone fails the test unless the object does not exist.
func (p place) gone(t *testing.T, short string) {
	t.Helper()
	if a := p.get(t, p.path(short)); a.code != 404 {
		t.Errorf("%s: %d, want 404: %s", a.request, a.code, excerpt(a.body))
	}
}

func (p place) list(t *testing.T, parameters ...string) []object {
	t.Helper()
	return p.get(t, p.query(parameters...)).want(t, 200).items(t)
}

// put replaces an object, under its own name.
func (p place) put(t *testing.T, o object, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "PUT", path: p.collection() + "/" + o.GetName() + suffix(parameters), body: o})
}

func (p place) putStatus(t *testing.T, o object, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "PUT", path: p.collection() + "/" + o.GetName() + "/status" + suffix(parameters), body: o})
}

func (p place) patch(t *testing.T, short, contentType string, body any, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "PATCH", path: p.path(short) + suffix(parameters), contentType: contentType, body: body})
}

func (p place) patchStatus(t *testing.T, short, contentType string, body any, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "PATCH", path: p.path(short, "status") + suffix(parameters), contentType: contentType, body: body})
}

// apply is a server-side apply by a manager.
func (p place) apply(t *testing.T, manager string, o object, parameters ...string) answer {
	t.Helper()
	return p.patch(t, p.short(o), applyPatch, o, append([]string{"fieldManager=" + manager}, parameters...)...)
}

// short undoes name.
func (p place) short(o object) string {
	if p.kind.ClusterScoped {
		return strings.TrimPrefix(o.GetName(), p.namespace+"-")
	}
	return o.GetName()
}

func (p place) delete(t *testing.T, short string, options any, parameters ...string) answer {
	t.Helper()
	return p.do(t, request{method: "DELETE", path: p.path(short) + suffix(parameters), body: options})
}

// label changes or, with "", removes a label.
func (p place) label(t *testing.T, short, name, value string) object {
	t.Helper()
	var v any
	if value != "" {
		v = value
	}
	return p.patch(t, short, mergePatch, map[string]any{"metadata": map[string]any{"labels": map[string]any{name: v}}}).want(t, 200).object(t)
}

func suffix(parameters []string) string {
	if len(parameters) == 0 {
		return ""
	}
	values := url.Values{}
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		values.Add(name, value)
	}
	return "?" + values.Encode()
}

// names are those of objects, without the place's prefix.
func (p place) names(items []object) []string {
	all := make([]string, len(items))
	for i, o := range items {
		all[i] = p.short(o)
	}
	return all
}

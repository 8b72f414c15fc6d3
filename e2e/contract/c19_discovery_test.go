package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

var (
	mainVerbs   = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	statusVerbs = []string{"get", "patch", "update"}
)

// discovery: clients find every kind, in both forms, and its description.
func discovery(t *testing.T, s *server) {
	discovered(t, s)
	described(t, s, "/openapi/v2", func(doc map[string]json.RawMessage) map[string]json.RawMessage {
		var definitions map[string]json.RawMessage
		decode(t, doc["definitions"], &definitions)
		return definitions
	}, kinds())
	byVersion := map[string][]string{}
	for _, kind := range kinds() {
		byVersion[kind.Version] = append(byVersion[kind.Version], kind.Kind)
	}
	for version := range byVersion {
		all := kinds()
		of := all[:0:0]
		for _, kind := range all {
			if kind.Version == version {
				of = append(of, kind)
			}
		}
		described(t, s, "/openapi/v3/apis/ark.mckinsey.com/"+version, func(doc map[string]json.RawMessage) map[string]json.RawMessage {
			var components struct {
				Schemas map[string]json.RawMessage
			}
			decode(t, doc["components"], &components)
			return components.Schemas
		}, of)
	}
}

func discovered(t *testing.T, s *server) {
	for _, version := range []string{"v1alpha1", "v1prealpha1"} {
		var legacy metav1.APIResourceList
		decode(t, s.get(t, "/apis/ark.mckinsey.com/"+version).want(t, 200).body, &legacy)
		found := map[string]metav1.APIResource{}
		for _, r := range legacy.APIResources {
			found[r.Name] = r
		}
		for _, kind := range kinds() {
			if kind.Version != version {
				continue
			}
			main, status := found[kind.Plural], found[kind.Plural+"/status"]
			slices.Sort(main.Verbs)
			slices.Sort(status.Verbs)
			if main.Kind != kind.Kind || main.Namespaced == kind.ClusterScoped || main.SingularName != strings.ToLower(kind.Kind) || !slices.Equal(main.Verbs, mainVerbs) {
				t.Errorf("%s in discovery: %+v", kind.Plural, main)
			}
			if status.Kind != kind.Kind || !slices.Equal(status.Verbs, statusVerbs) {
				t.Errorf("%s/status in discovery: %+v", kind.Plural, status)
			}
			delete(found, kind.Plural)
			delete(found, kind.Plural+"/status")
		}
		if len(found) > 0 {
			t.Errorf("%s also has %q", version, slices.Sorted(maps.Keys(found)))
		}
	}
	var groups metav1.APIGroupList
	decode(t, s.get(t, "/apis").want(t, 200).body, &groups)
	i := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == "ark.mckinsey.com" })
	if i < 0 || len(groups.Groups[i].Versions) != 2 || groups.Groups[i].PreferredVersion.Version != "v1alpha1" {
		t.Errorf("/apis says %+v", groups)
	}
	s.get(t, "/apis/ark.mckinsey.com").want(t, 200)
	s.get(t, "/apis/ark.mckinsey.com/v9").want(t, 404)

	const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	a := s.do(t, request{method: "GET", path: "/apis", accept: aggregated}).want(t, 200)
	var doc struct {
		Kind  string
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version   string
				Freshness string
				Resources []struct {
					Resource     string
					Scope        string
					Verbs        []string
					ResponseKind struct{ Kind string }
					Subresources []struct{ Subresource string }
				}
			}
		}
	}
	decode(t, a.body, &doc)
	count := 0
	for _, group := range doc.Items {
		if group.Metadata.Name != "ark.mckinsey.com" {
			continue
		}
		for _, version := range group.Versions {
			for _, r := range version.Resources {
				count++
				slices.Sort(r.Verbs)
				if len(r.Subresources) != 1 || r.Subresources[0].Subresource != "status" || !slices.Equal(r.Verbs, mainVerbs) {
					t.Errorf("%s in aggregated discovery: %+v", r.Resource, r)
				}
			}
		}
	}
	if doc.Kind != "APIGroupDiscoveryList" || count != len(kinds()) {
		t.Errorf("aggregated discovery has %d Ark kinds of %d: %s", count, len(kinds()), excerpt(a.body))
	}
}

// described looks for each kind's model in an OpenAPI document, and at all models' names and
// references.
func described[K any](t *testing.T, s *server, path string, models func(map[string]json.RawMessage) map[string]json.RawMessage, of []K) {
	t.Helper()
	a := s.get(t, path).want(t, 200)
	var doc map[string]json.RawMessage
	decode(t, a.body, &doc)
	if strings.Contains(string(a.body), "__internal") {
		t.Errorf("%s mentions __internal", path)
	}
	found := map[string]bool{}
	all := models(doc)
	for name, text := range all {
		if strings.ContainsAny(name, "/~") {
			t.Errorf("%s has a model named %q", path, name)
		}
		var model struct {
			Properties map[string]json.RawMessage
			GVK        []metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
		}
		decode(t, text, &model)
		for _, gvk := range model.GVK {
			if gvk.Group == "ark.mckinsey.com" && model.Properties["spec"] != nil && model.Properties["status"] != nil {
				found[gvk.Kind] = true
			}
		}
		for _, ref := range references(text) {
			if all[ref[strings.LastIndex(ref, "/")+1:]] == nil {
				t.Errorf("%s: %s refers to %s, which is not there", path, name, ref)
			}
		}
	}
	if len(found) != len(of) {
		t.Errorf("%s describes %d kinds, want %d: %q", path, len(found), len(of), slices.Sorted(maps.Keys(found)))
	}
}

// references are all values of $ref in a JSON text.
func references(text []byte) []string {
	var all []string
	for _, part := range strings.Split(string(text), `"$ref":"`)[1:] {
		ref, _, _ := strings.Cut(part, `"`)
		all = append(all, ref)
	}
	return all
}

// explained: kubectl explain knows every field of the CRD's schema.
func explained(t *testing.T, p place) {
	kubectl, err := component.NewKubectl(p.kubeconfig, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	explain := func(args ...string) string {
		t.Helper()
		r, err := kubectl.Run(t.Context(), "", append([]string{"explain", "--api-version=ark.mckinsey.com/" + p.kind.Version}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code != 0 {
			t.Fatalf("kubectl explain %q: %s", args, r.Stderr)
		}
		return r.Stdout
	}
	all := explain(p.kind.Plural, "--recursive")
	deepest := ""
	for _, path := range paths(factsOf(t, p.kind.Kind)) {
		if strings.Count(path, ".") > strings.Count(deepest, ".") {
			deepest = path
		}
		name := path[strings.LastIndex(path, ".")+1:]
		line := strings.Repeat("  ", strings.Count(path, ".")+1) + name + "\t<"
		if !strings.Contains(all, "\n"+line) {
			t.Errorf("kubectl explain --recursive lacks %s", path)
		}
	}
	if deepest == "" {
		t.Fatal("the CRD has no fields")
	}
	if out := explain(p.kind.Plural + "." + deepest); !strings.Contains(out, fmt.Sprintf("FIELD: %s <", deepest[strings.LastIndex(deepest, ".")+1:])) {
		t.Errorf("kubectl explain %s.%s: %s", p.kind.Plural, deepest, out)
	}
}

// paths are those of all fields of a kind, without what says that they are in lists.
func paths(kind facts.Kind) []string {
	var all []string
	for path := range kind.Fields {
		if strings.HasSuffix(path, "[]") || strings.Contains(path, "{}") {
			continue
		}
		all = append(all, strings.ReplaceAll(path, "[]", ""))
	}
	slices.Sort(all)
	return all
}

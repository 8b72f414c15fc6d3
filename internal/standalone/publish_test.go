package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/registry"
)

// get reads a path as the admin.
func (r *running) get(t *testing.T, path string, headers ...string) ([]byte, rest.Result) {
	t.Helper()
	config := rawConfig(r.config)
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request := client.Get().RequestURI(path)
	for i := 0; i < len(headers); i += 2 {
		request.SetHeader(headers[i], headers[i+1])
	}
	result := request.Do(context.Background())
	body, err := result.Raw()
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return body, result
}

// Everything that describes the API, on one server.
func TestDescriptions(t *testing.T) {
	r := start(t, t.TempDir())

	t.Run("OpenAPI v2", func(t *testing.T) {
		body, _ := r.get(t, "/openapi/v2", "Accept", "application/json")
		var document struct{ Definitions map[string]definition }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatal(err)
		}
		checkDefinitions(t, body, document.Definitions, registry.Kinds())
		if strings.Contains(patchOf(t, body), "strategic-merge") {
			t.Error("strategic merge patches are offered")
		}
	})
	t.Run("OpenAPI v3", func(t *testing.T) {
		byVersion := map[string][]registry.Kind{}
		for _, kind := range registry.Kinds() {
			byVersion[kind.GroupVersion.String()] = append(byVersion[kind.GroupVersion.String()], kind)
		}
		for gv, kinds := range byVersion {
			body, _ := r.get(t, "/openapi/v3/apis/"+gv)
			var document struct {
				Components struct{ Schemas map[string]definition }
			}
			if err := json.Unmarshal(body, &document); err != nil {
				t.Fatal(err)
			}
			checkDefinitions(t, body, document.Components.Schemas, kinds)
			if strings.Contains(string(body), "strategic-merge") {
				t.Error("strategic merge patches are offered")
			}
		}
	})
	t.Run("discovery", func(t *testing.T) {
		found := map[string]metav1.APIResource{}
		for _, version := range []string{"v1", "ark.mckinsey.com/v1alpha1", "ark.mckinsey.com/v1prealpha1"} {
			list, err := r.core.Discovery().ServerResourcesForGroupVersion(version)
			if err != nil {
				t.Fatal(err)
			}
			for _, resource := range list.APIResources {
				found[list.GroupVersion+"/"+resource.Name] = resource
			}
		}
		for _, kind := range registry.Kinds() {
			resource, ok := found[kind.GroupVersion.String()+"/"+kind.Plural]
			if !ok || resource.Kind != kind.Name || resource.Namespaced == kind.ClusterScoped || resource.SingularName != kind.Singular || resource.StorageVersionHash == "" {
				t.Errorf("%s is discovered as %+v", kind.Name, resource)
			}
			for _, verb := range []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} {
				if !strings.Contains(fmt.Sprint(resource.Verbs), verb) {
					t.Errorf("%s lacks the verb %s", kind.Plural, verb)
				}
			}
			if _, ok := found[kind.GroupVersion.String()+"/"+kind.Plural+"/status"]; !ok {
				t.Errorf("%s/status is not discovered", kind.Plural)
			}
		}
		if namespaces, ok := found["v1/namespaces"]; !ok || namespaces.ShortNames[0] != "ns" {
			t.Errorf("namespaces are discovered as %+v", namespaces)
		}
	})
	t.Run("version", func(t *testing.T) {
		body, _ := r.get(t, "/version")
		var info version.Info
		if err := json.Unmarshal(body, &info); err != nil || info.Major != "1" || !strings.HasPrefix(info.GitVersion, "v1.") {
			t.Errorf("got %s, %v", body, err)
		}
	})
	// C20: JSON for clients that would rather have protobuf, protobuf where it exists.
	t.Run("media types", func(t *testing.T) {
		const table, partial = ";as=Table;g=meta.k8s.io;v=v1", ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
		const protobuf, asJSON = "application/vnd.kubernetes.protobuf", "application/json"
		for _, c := range []struct{ accept, want, holds string }{
			{protobuf + "," + asJSON, asJSON, `"kind":"AgentList"`},
			{asJSON + table + "," + asJSON, asJSON, `"kind":"Table"`},
			{asJSON + partial, asJSON, `"kind":"PartialObjectMetadataList"`},
			{protobuf + partial + "," + asJSON, protobuf, "PartialObjectMetadataList"},
			{"application/yaml", "application/yaml", "kind: AgentList"},
		} {
			body, result := r.get(t, "/apis/ark.mckinsey.com/v1alpha1/agents", "Accept", c.accept)
			var got string
			result.ContentType(&got)
			if got != c.want || !strings.Contains(string(body), c.holds) {
				t.Errorf("Accept: %s is answered with %s %.100q, want %s with %s", c.accept, got, body, c.want, c.holds)
			}
		}
	})
}

type definition struct {
	GVKs []metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
}

func checkDefinitions(t *testing.T, body []byte, definitions map[string]definition, kinds []registry.Kind) {
	t.Helper()
	if strings.Contains(string(body), "__internal") {
		t.Error("the internal version is published")
	}
	described := map[metav1.GroupVersionKind]int{}
	for name, d := range definitions {
		if strings.Contains(name, "/") {
			t.Errorf("the model name %s holds a slash", name)
		}
		for _, gvk := range d.GVKs {
			described[gvk]++
		}
	}
	for _, kind := range kinds {
		gvk := metav1.GroupVersionKind(kind.GroupVersionKind())
		if described[gvk] != 1 {
			t.Errorf("%s is described %d times", kind.Name, described[gvk])
		}
	}
}

// patchOf returns what an OpenAPI v2 document says about patching agents.
func patchOf(t *testing.T, body []byte) string {
	t.Helper()
	var document struct {
		Paths map[string]struct{ Patch json.RawMessage }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	patch := string(document.Paths["/apis/ark.mckinsey.com/v1alpha1/namespaces/{namespace}/agents/{name}"].Patch)
	if !strings.Contains(patch, "application/merge-patch+json") {
		t.Errorf("merge patches are not offered: %s", patch)
	}
	return patch
}

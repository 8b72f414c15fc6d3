package install

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

func TestSchemeKnowsEveryKindAndItsHub(t *testing.T) {
	scheme := newScheme(t)
	for _, kind := range Kinds() {
		hub := schema.GroupVersionKind{Group: kind.GroupVersion.Group, Version: runtime.APIVersionInternal, Kind: kind.Name}
		for _, gvk := range []schema.GroupVersionKind{kind.GroupVersionKind(), hub} {
			for _, suffix := range []string{"", "List"} {
				gvk.Kind = kind.Name + suffix
				if !scheme.Recognizes(gvk) {
					t.Errorf("%s is not registered", gvk)
				}
			}
		}
	}
}

func TestPublishedNames(t *testing.T) {
	external := External(newScheme(t))
	for gvk := range external.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal {
			t.Errorf("%s would be published", gvk)
		}
	}
	namer := openapinamer.NewDefinitionNamer(external)
	for _, kind := range Kinds() {
		model, err := external.ToOpenAPIDefinitionName(kind.GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}
		name, extensions := namer.GetDefinitionName(model)
		if strings.Contains(name, "/") {
			t.Errorf("%s is published as %s, which no $ref can name", kind.Name, name)
		}
		gvks, _ := extensions["x-kubernetes-group-version-kind"].([]any)
		if len(gvks) != 1 {
			t.Errorf("%s is published with %v, want its one version", kind.Name, extensions)
		}
	}
}

func TestFieldSelectors(t *testing.T) {
	scheme := newScheme(t)
	for _, kind := range Kinds() {
		for selector, valid := range map[string]bool{
			"metadata.name=a": true, "spec.nothing=a": false, "metadata.labels=a": false, "name=a": false,
			"metadata.namespace=a": !kind.ClusterScoped,
		} {
			parsed, err := fields.ParseSelector(selector)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parsed.Transform(func(field, value string) (string, string, error) {
				return scheme.ConvertFieldLabel(kind.GroupVersionKind(), field, value)
			})
			if (err == nil) != valid {
				t.Errorf("%s, %s: valid is %t, want %t (%v)", kind.Name, selector, err == nil, valid, err)
			}
		}
	}
}

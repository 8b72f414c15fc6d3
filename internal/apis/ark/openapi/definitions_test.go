package openapi

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

const referencePrefix = "#/definitions/"

func definitions() map[string]common.OpenAPIDefinition {
	return Definitions(func(name string) spec.Ref {
		return spec.MustCreateRef(referencePrefix + name)
	})
}

// modelNames maps the name of each kind's definition to the kind.
func modelNames(t *testing.T) map[string]string {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, v1prealpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]string{}
	for gvk := range scheme.AllKnownTypes() {
		if gvk.Group != ark.GroupName || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		name, err := scheme.ToOpenAPIDefinitionName(gvk)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "com.mckinsey.ark."+gvk.Version+".") {
			continue // meta/v1 types such as ListOptions
		}
		if other, taken := names[name]; taken {
			t.Errorf("definition %s stands for both %s and %s", name, other, gvk.Kind)
		}
		names[name] = gvk.Kind
	}
	return names
}

func TestEveryKindHasADefinition(t *testing.T) {
	var kinds []string
	all := definitions()
	for name, kind := range modelNames(t) {
		if _, found := all[name]; !found {
			t.Errorf("%s: no definition named %s", kind, name)
		}
		if !strings.HasSuffix(kind, "List") {
			kinds = append(kinds, kind)
		}
	}
	sort.Strings(kinds)
	var want []string
	known, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range known {
		want = append(want, kind.Kind)
	}
	sort.Strings(want)
	if !slices.Equal(kinds, want) {
		t.Errorf("kinds:\n got %q\nwant %q", kinds, want)
	}
}

// A slash in a name makes a reference to it dangle, which breaks kubectl for
// every resource of the cluster.
func TestDefinitionNames(t *testing.T) {
	for name := range definitions() {
		if strings.ContainsAny(name, "/~%") {
			t.Errorf("definition name %q needs escaping in a reference", name)
		}
		if strings.Contains(name, "__internal") {
			t.Errorf("definition name %q shows an internal version", name)
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	all := definitions()
	for name, definition := range all {
		text, err := json.Marshal(definition.Schema)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var schema any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, reference := range references(schema) {
			if _, found := all[strings.TrimPrefix(reference, referencePrefix)]; !found {
				t.Errorf("%s refers to %s, which does not exist", name, reference)
			}
		}
		for _, dependency := range definition.Dependencies {
			if _, found := all[dependency]; !found {
				t.Errorf("%s depends on %s, which does not exist", name, dependency)
			}
		}
	}
}

func references(node any) (found []string) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if text, isText := value.(string); key == "$ref" && isText {
				found = append(found, text)
			} else {
				found = append(found, references(value)...)
			}
		}
	case []any:
		for _, value := range node {
			found = append(found, references(value)...)
		}
	}
	return found
}

// Every field of the group's own types is documented, so kubectl explain has
// something to say.
func TestFieldsAreDescribed(t *testing.T) {
	for name, definition := range definitions() {
		if !strings.HasPrefix(name, "com.mckinsey.ark.") {
			continue
		}
		if definition.Schema.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for property, schema := range definition.Schema.Properties {
			if schema.Description == "" && property != "metadata" {
				t.Errorf("%s.%s has no description", name, property)
			}
		}
	}
}

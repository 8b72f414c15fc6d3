package ark_test

import (
	"encoding/json"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// newTypeConverter returns the converter that server-side apply uses, built
// from our definitions as the server builds it.
func newTypeConverter(t *testing.T, scheme *runtime.Scheme) managedfields.TypeConverter {
	t.Helper()
	schemas := map[string]*spec.Schema{}
	for name, definition := range openapi.Definitions(func(name string) spec.Ref {
		return spec.MustCreateRef("#/components/schemas/" + name)
	}) {
		schemas[name] = &definition.Schema
	}
	for _, gvk := range kinds(scheme) {
		name, err := scheme.ToOpenAPIDefinitionName(gvk)
		if err != nil {
			t.Fatal(err)
		}
		schemas[name].AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{
			"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind,
		}})
	}
	converter, err := managedfields.NewTypeConverter(schemas, false)
	if err != nil {
		t.Fatalf("build type converter: %v", err)
	}
	return converter
}

// Server-side apply takes objects apart by their schema and puts them together
// again; nothing may be lost on that way.
func TestServerSideApplyKeepsContent(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	converter := newTypeConverter(t, scheme)
	for kind, crd := range loadCRDs(t) {
		t.Run(kind, func(t *testing.T) {
			generator := instances{random: rand.New(rand.NewSource(4))}
			for range 100 {
				content := generator.object(crd)
				object := decode(t, codecs, encode(t, content))
				crd.setDefaults(content)
				if len(crd.validate(t.Context(), content)) > 0 {
					continue // duplicate keys in a list that is a map
				}
				object.GetObjectKind().SetGroupVersionKind(crd.gvk)
				typed, err := converter.ObjectToTyped(object)
				if err != nil {
					t.Fatalf("take apart: %v", err)
				}
				rebuilt, err := converter.TypedToObject(typed)
				if err != nil {
					t.Fatalf("put together: %v", err)
				}
				if difference := cmp.Diff(jsonOf(t, object), jsonOf(t, rebuilt)); difference != "" {
					t.Fatalf("content changed:\n%s", difference)
				}
			}
		})
	}
}

// Two appliers own two conditions of one tool, because they are a map by type.
func TestToolConditionsMergeByType(t *testing.T) {
	scheme := newScheme(t)
	converter := newTypeConverter(t, scheme)
	codecs := serializer.NewCodecFactory(scheme)
	toolWith := func(condition string) runtime.Object {
		object := decode(t, codecs, []byte(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Tool","metadata":{"name":"x"},
			"status":{"conditions":[{"type":"`+condition+`","status":"True","reason":"X","message":"","lastTransitionTime":"2025-01-31T12:00:00Z"}]}}`))
		object.GetObjectKind().SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("Tool"))
		return object
	}
	first, err := converter.ObjectToTyped(toolWith("Available"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := converter.ObjectToTyped(toolWith("Inspected"))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := first.Merge(second)
	if err != nil {
		t.Fatal(err)
	}
	object, err := converter.TypedToObject(merged)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status struct{ Conditions []metav1.Condition }
	}
	if err := json.Unmarshal(encode(t, object), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Status.Conditions) != 2 {
		t.Errorf("conditions after the merge: %v, want Available and Inspected", got.Status.Conditions)
	}
}

func jsonOf(t *testing.T, object any) (parsed any) {
	t.Helper()
	if err := json.Unmarshal(encode(t, object), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

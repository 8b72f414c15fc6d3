package registry

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// The scheme accepts exactly the selectors that an object is matched against, and
// names them all when it refuses another.
func TestFieldSelectorsAgreeWithTheScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1prealpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		obj := sampleObject(t, kind, sample, true)
		_, set, err := kind.attributes(obj)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = scheme.ConvertFieldLabel(kind.GroupVersionKind(), "no.such.field", "")
		if err == nil {
			t.Fatal("an unknown field is accepted")
		}
		_, list, _ := strings.Cut(err.Error(), "use one of ")
		accepted := strings.Split(list, ", ")
		for path := range set {
			if !slices.Contains(accepted, path) {
				t.Errorf("%s is matched against, but not accepted: %v", path, err)
			}
		}
		if len(accepted) != len(set) {
			t.Errorf("accepted are %v, matched against %v", accepted, set)
		}
		for _, path := range accepted {
			if _, _, err := scheme.ConvertFieldLabel(kind.GroupVersionKind(), path, "x"); err != nil {
				t.Error(err)
			}
		}
		for name, index := range *kind.indexers() {
			got, err := index(obj)
			if path := strings.TrimPrefix(name, "f:"); err != nil || len(got) != 1 || got[0] != set[path] {
				t.Errorf("index %s: got %v, %v, want %q", name, got, err, set[path])
			}
		}
	})
}

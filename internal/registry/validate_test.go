package registry

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

func TestSamplesAreValid(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		if errs := validateCreate(sampleObject(t, kind, sample, true)); len(errs) > 0 {
			t.Error(errs.ToAggregate())
		}
	})
}

func TestNamesAreDNSSubdomains(t *testing.T) {
	for name, valid := range map[string]bool{"a": true, "a.b-c": true, "A": false, "a_b": false, strings.Repeat("a", 254): false} {
		obj := &v1alpha1.Agent{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
		if got := len(validateCreate(obj)) == 0; got != valid {
			t.Errorf("name %q: valid is %t, want %t", name, got, valid)
		}
	}
}

func TestWithin(t *testing.T) {
	errs := field.ErrorList{}
	for _, path := range []string{"spec", "spec.a", "spec[0]", "specs", "status.a", "metadata.name"} {
		errs = append(errs, field.Required(field.NewPath(path), ""))
	}
	var got []string
	for _, err := range within("spec", errs) {
		got = append(got, err.Field)
	}
	if want := []string{"spec", "spec.a", "spec[0]"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFinalizerWarnings(t *testing.T) {
	with := func(finalizers ...string) *v1alpha1.Query {
		return &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Finalizers: finalizers}}
	}
	for _, c := range []struct {
		name     string
		now, old *v1alpha1.Query
		want     int
	}{
		{"qualified", with("ark.mckinsey.com/finalizer"), with(), 0},
		{"standard", with("foregroundDeletion", "orphan"), with(), 0},
		{"bare", with("mine"), with(), 1},
		{"bare but old", with("mine"), with("mine"), 0},
		{"not a name", with("example.com/no name"), with(), 1},
	} {
		if got := finalizerWarnings(c.now, c.old); len(got) != c.want {
			t.Errorf("%s: got %q, want %d warnings", c.name, got, c.want)
		}
	}
}

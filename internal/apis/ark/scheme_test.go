package ark_test

import (
	"reflect"
	"sort"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// newScheme returns a scheme with both versions.
func newScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, v1prealpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// kinds lists the group's kinds, without their lists.
func kinds(scheme *runtime.Scheme) (gvks []schema.GroupVersionKind) {
	for gvk, goType := range scheme.AllKnownTypes() {
		if gvk.Group == ark.GroupName && gvk.Version != runtime.APIVersionInternal &&
			strings.Contains(goType.PkgPath(), "/apis/ark/") && !strings.HasSuffix(gvk.Kind, "List") {
			gvks = append(gvks, gvk)
		}
	}
	sort.Slice(gvks, func(i, j int) bool { return gvks[i].Kind < gvks[j].Kind })
	return gvks
}

func TestSchemeHoldsTheKindsOfArk(t *testing.T) {
	scheme := newScheme(t)
	want := map[string]string{}
	all, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range all {
		want[kind.Kind] = kind.Version
	}
	got := map[string]string{}
	for _, gvk := range kinds(scheme) {
		got[gvk.Kind] = gvk.Version
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kinds:\n got %v\nwant %v", got, want)
	}
}

// Patches and server-side apply convert through the internal version, so each
// type is registered there too.
func TestEveryTypeIsItsOwnInternalVersion(t *testing.T) {
	scheme := newScheme(t)
	for _, gvk := range kinds(scheme) {
		for _, kind := range []string{gvk.Kind, gvk.Kind + "List"} {
			external := scheme.AllKnownTypes()[gvk.GroupVersion().WithKind(kind)]
			internal := scheme.AllKnownTypes()[schema.GroupVersionKind{Group: ark.GroupName, Version: runtime.APIVersionInternal, Kind: kind}]
			if external == nil || external != internal {
				t.Errorf("%s: external type %v, internal type %v", kind, external, internal)
			}
		}
	}
}

func TestEveryKindHasGeneratedValidation(t *testing.T) {
	scheme := newScheme(t)
	for _, gvk := range kinds(scheme) {
		object, err := scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		for _, subresources := range [][]string{nil, {"status"}} {
			for _, problem := range scheme.Validate(t.Context(), nil, object, subresources...) {
				if strings.Contains(problem.Detail, "no validation found") {
					t.Errorf("%s %v: %v", gvk.Kind, subresources, problem)
				}
			}
		}
	}
}

func TestFieldSelectors(t *testing.T) {
	scheme := newScheme(t)
	clusterScoped := map[string]bool{}
	all, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range all {
		clusterScoped[kind.Kind] = kind.ClusterScoped
	}
	for _, gvk := range kinds(scheme) {
		for label, supported := range map[string]bool{
			"metadata.name": true, "metadata.namespace": !clusterScoped[gvk.Kind], "spec.nonsense": false,
		} {
			gotLabel, gotValue, err := scheme.ConvertFieldLabel(gvk, label, "x")
			if supported && (err != nil || gotLabel != label || gotValue != "x") {
				t.Errorf("%s: selector %s=x became %s=%s, %v", gvk.Kind, label, gotLabel, gotValue, err)
			}
			if !supported && err == nil {
				t.Errorf("%s: selector %s is accepted", gvk.Kind, label)
			}
		}
	}
}

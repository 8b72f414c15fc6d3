package registry

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// everyKind runs a test for each kind with its sample.
func everyKind(t *testing.T, test func(t *testing.T, kind Kind, sample registrytest.Sample)) {
	t.Helper()
	samples := map[string]registrytest.Sample{}
	for _, s := range registrytest.Samples() {
		samples[s.Kind] = s
	}
	kinds := Kinds()
	if len(kinds) != len(samples) {
		t.Fatalf("there are %d kinds and %d samples", len(kinds), len(samples))
	}
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) {
			sample, ok := samples[kind.Name]
			if !ok {
				t.Fatalf("%s has no sample in registrytest", kind.Name)
			}
			test(t, kind, sample)
		})
	}
}

// sampleObject decodes the sample into the kind's type, with its status if asked for.
func sampleObject(t *testing.T, kind Kind, sample registrytest.Sample, status bool) runtime.Object {
	t.Helper()
	content := sample.Object("default", "sample")
	if status {
		content["status"] = sample.StatusValue()
	}
	return typed(t, kind, content)
}

func typed(t *testing.T, kind Kind, content map[string]any) runtime.Object {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	obj := kind.New()
	if err := json.Unmarshal(text, obj); err != nil {
		t.Fatalf("decode the sample of %s: %v", kind.Name, err)
	}
	return obj
}

func TestKindsMatchTheirSamples(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		if kind.Plural != sample.Plural || kind.ClusterScoped != sample.ClusterScoped || kind.GroupVersion.Version != sample.Version {
			t.Errorf("got %s (cluster scoped: %t) in %s, want %s (%t) in %s", kind.Plural, kind.ClusterScoped, kind.GroupVersion.Version,
				sample.Plural, sample.ClusterScoped, sample.Version)
		}
		list := kind.NewList()
		if _, err := meta.ListAccessor(list); err != nil {
			t.Errorf("%T is not a list: %v", list, err)
		}
		if err := meta.SetList(list, []runtime.Object{sampleObject(t, kind, sample, true)}); err != nil {
			t.Errorf("%T does not hold %s: %v", list, kind.Name, err)
		}
	})
}

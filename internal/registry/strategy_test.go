package registry

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

func accessor(t *testing.T, obj runtime.Object) metav1.Object {
	t.Helper()
	m, err := meta.Accessor(obj)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// part returns the spec, status or metadata of an object as JSON.
func part(t *testing.T, obj runtime.Object, name string) any {
	t.Helper()
	text, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	return content[name]
}

// changed returns a copy of an object with the sample's change made to its spec.
func changed(t *testing.T, kind Kind, obj runtime.Object, sample registrytest.Sample) runtime.Object {
	t.Helper()
	text, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	text, err = jsonpatch.MergePatch(text, []byte(`{"spec":`+sample.Changed+`}`))
	if err != nil {
		t.Fatal(err)
	}
	out := kind.New()
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCreateDropsStatusAndStartsGeneration(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		obj := sampleObject(t, kind, sample, true)
		accessor(t, obj).SetGeneration(7)
		newStrategy(kind, nil).PrepareForCreate(context.Background(), obj)
		if got := part(t, obj, "status"); got != nil {
			t.Errorf("the status survived: %v", got)
		}
		if got := accessor(t, obj).GetGeneration(); got != 1 {
			t.Errorf("the generation is %d, want 1", got)
		}
		want := part(t, sampleObject(t, kind, sample, false), "spec")
		if got := part(t, obj, "spec"); !reflect.DeepEqual(got, want) {
			t.Errorf("the spec changed:\n got %v\nwant %v", got, want)
		}
	})
}

func TestUpdateMovesGenerationWithSpecOnly(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		old := sampleObject(t, kind, sample, true)
		accessor(t, old).SetGeneration(4)
		for _, c := range []struct {
			name   string
			update func() runtime.Object
			want   int64
		}{
			{"nothing", func() runtime.Object { return old.DeepCopyObject() }, 4},
			{"the spec", func() runtime.Object { return changed(t, kind, old, sample) }, 5},
			{"labels", func() runtime.Object {
				obj := old.DeepCopyObject()
				accessor(t, obj).SetLabels(map[string]string{"a": "b"})
				return obj
			}, 4},
			{"the status", func() runtime.Object {
				obj := old.DeepCopyObject()
				kind.parts.clearStatus(obj)
				return obj
			}, 4},
		} {
			obj := c.update()
			accessor(t, obj).SetGeneration(4) // rest.BeforeUpdate does so
			newStrategy(kind, nil).PrepareForUpdate(context.Background(), obj, old)
			if got := accessor(t, obj).GetGeneration(); got != c.want {
				t.Errorf("after a change of %s the generation is %d, want %d", c.name, got, c.want)
			}
			if got, want := part(t, obj, "status"), part(t, old, "status"); !reflect.DeepEqual(got, want) {
				t.Errorf("a change of %s changed the status:\n got %v\nwant %v", c.name, got, want)
			}
		}
	})
}

func TestStatusUpdateChangesStatusOnly(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		old := sampleObject(t, kind, sample, false)
		accessor(t, old).SetGeneration(4)
		accessor(t, old).SetResourceVersion("12")

		obj := changed(t, kind, sampleObject(t, kind, sample, true), sample)
		m := accessor(t, obj)
		m.SetLabels(map[string]string{"a": "b"})
		m.SetAnnotations(map[string]string{"a": "b"})
		m.SetFinalizers([]string{"example.com/f"})
		m.SetOwnerReferences([]metav1.OwnerReference{{Name: "o"}})
		m.SetGeneration(9)
		owners := []metav1.ManagedFieldsEntry{{Manager: "controller", Subresource: "status"}}
		m.SetManagedFields(owners)

		statusStrategy{newStrategy(kind, nil)}.PrepareForUpdate(context.Background(), obj, old)
		if got, want := part(t, obj, "status"), part(t, sampleObject(t, kind, sample, true), "status"); !reflect.DeepEqual(got, want) {
			t.Errorf("the status is not the new one:\n got %v\nwant %v", got, want)
		}
		if got, want := part(t, obj, "spec"), part(t, old, "spec"); !reflect.DeepEqual(got, want) {
			t.Errorf("the spec changed:\n got %v\nwant %v", got, want)
		}
		if got := accessor(t, obj).GetManagedFields(); !reflect.DeepEqual(got, owners) {
			t.Errorf("the record of owners is lost: %v", got)
		}
		accessor(t, obj).SetManagedFields(nil)
		if got, want := part(t, obj, "metadata"), part(t, old, "metadata"); !reflect.DeepEqual(got, want) {
			t.Errorf("the metadata changed:\n got %v\nwant %v", got, want)
		}
		if part(t, old, "status") != nil {
			t.Error("the old object was changed")
		}
	})
}

func TestResetFields(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, _ registrytest.Sample) {
		s := newStrategy(kind, nil)
		for _, c := range []struct {
			name     string
			strategy rest.ResetFieldsStrategy
			want     *fieldpath.Set
		}{
			{"main", s, fieldpath.NewSet(fieldpath.MakePathOrDie("status"))},
			{"status", statusStrategy{s}, fieldpath.NewSet(fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("metadata"))},
		} {
			fields := c.strategy.GetResetFields()
			got := fields[fieldpath.APIVersion(kind.GroupVersion.String())]
			if len(fields) != 1 || got == nil || !got.Equals(c.want) {
				t.Errorf("the %s resource resets %v, want %v", c.name, fields, c.want)
			}
		}
	})
}

func TestUpdateRules(t *testing.T) {
	s := newStrategy(defineAgent(), nil)
	if s.AllowCreateOnUpdate(context.Background()) {
		t.Error("a PUT creates objects")
	}
	if !s.AllowUnconditionalUpdate(context.Background()) {
		t.Error("a PUT without resourceVersion is refused")
	}
}

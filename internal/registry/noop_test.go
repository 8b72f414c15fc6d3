package registry

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// Somebody applies again what is there already: but for the time in its managed
// fields, the new object is the old one, on which the field manager has left the
// kind. The store's own function must see that nothing has changed.
func TestApplyingAgainIsNoChange(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		main := newStrategy(kind, nil)
		for name, strategy := range map[string]rest.RESTUpdateStrategy{"main": main, "status": statusStrategy{main}} {
			first := metav1.Date(2025, time.January, 31, 12, 0, 0, 0, time.UTC)
			second := metav1.NewTime(first.Add(time.Minute))
			old := sampleObject(t, kind, sample, true)
			old.GetObjectKind().SetGroupVersionKind(kind.GroupVersionKind())
			accessor(t, old).SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &first}})
			obj := sampleObject(t, kind, sample, true)
			obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			accessor(t, obj).SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &second}})

			strategy.PrepareForUpdate(context.Background(), obj, old)
			obj, err := fieldmanager.IgnoreManagedFieldsTimestampsTransformer(context.Background(), obj, old)
			if err != nil {
				t.Fatal(err)
			}
			if got := accessor(t, obj).GetManagedFields()[0].Time; !got.Equal(&first) {
				t.Errorf("%s: the time in the managed fields is %v, want %v: the store would write", name, got, first)
			}
		}
	})
}

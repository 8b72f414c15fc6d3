package registry

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// The generated rules say of the objects themselves what they say of the stock
// function's copies: of good ones, of random ones, and of updates between all these.
func TestDeclarativeRulesJudgeAsStock(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, v1prealpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		s := newStrategy(kind, scheme)
		objects := []runtime.Object{sampleObject(t, kind, sample, true), sampleObject(t, kind, sample, false), kind.New()}
		fill := randfill.NewWithSeed(1).NilChance(0.4).NumElements(0, 2).MaxDepth(8)
		for range 5 {
			obj := kind.New()
			fill.Fill(obj)
			objects = append(objects, obj)
		}
		good, bad := 0, 0
		judge := func(ctx context.Context, obj, old runtime.Object, op operation.Type) {
			before := obj.DeepCopyObject()
			var told field.ErrorList
			for range 2 { // with and without a fault that Validate has found
				want := s.DeclarativeValidation.ValidateDeclaratively(ctx, obj, old, told, op, rest.DeclarativeValidationConfig{})
				want = withoutRepeats(want, told)
				got := s.ValidateDeclaratively(ctx, obj, old, told, op, rest.DeclarativeValidationConfig{})
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%+v of %+v, before %+v: found %v, want %v", op, obj, old, got, want)
				}
				if len(got) == len(told) {
					good++
				} else {
					bad++
				}
				told = field.ErrorList{field.Required(field.NewPath("spec", "name"), "for the test")}
			}
			if !reflect.DeepEqual(obj, before) {
				t.Errorf("%+v has become %+v", before, obj)
			}
		}
		for _, subresource := range []string{"", "status", "other"} {
			ctx := request.WithRequestInfo(context.Background(), &request.RequestInfo{
				APIGroup: kind.GroupVersion.Group, APIVersion: kind.GroupVersion.Version, Subresource: subresource,
			})
			for _, obj := range objects {
				judge(ctx, obj, nil, operation.Create)
				for _, old := range objects {
					judge(ctx, obj, old, operation.Update)
				}
			}
		}
		judge(context.Background(), objects[0], nil, operation.Create)
		if good == 0 || bad == 0 {
			t.Errorf("%d objects were good and %d bad: this compares too little", good, bad)
		}
	})
}

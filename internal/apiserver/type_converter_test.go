package apiserver

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
	"github.com/mckinsey/ark-server/internal/registry"
)

// converters are the stock one and ours, built from the same schemas.
func converters(t *testing.T, scheme *runtime.Scheme, kinds []schema.GroupVersionKind) (stock managedfields.TypeConverter, ours *typeConverter) {
	t.Helper()
	schemas := map[string]*spec.Schema{}
	for name, definition := range openapi.GetOpenAPIDefinitions(func(name string) spec.Ref {
		return spec.MustCreateRef("#/components/schemas/" + name)
	}) {
		schemas[name] = &definition.Schema
	}
	for _, kind := range kinds {
		name, err := scheme.ToOpenAPIDefinitionName(kind)
		if err != nil {
			t.Fatal(err)
		}
		schemas[name].AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{
			"group": kind.Group, "version": kind.Version, "kind": kind.Kind,
		}})
	}
	stock, err := managedfields.NewTypeConverter(schemas, false)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = newTypeConverter(stock, scheme, kinds); err != nil {
		t.Fatal(err)
	}
	return stock, ours
}

// However an object changes, the same fields have the same owners as with the stock
// converter, and the objects stay as they were.
func TestFieldsHaveTheOwnersThatTheStockConverterGives(t *testing.T) {
	scheme := newScheme(t)
	var kinds []schema.GroupVersionKind
	for _, k := range registry.Kinds() {
		kinds = append(kinds, k.GroupVersion.WithKind(k.Name))
	}
	stock, ours := converters(t, scheme, kinds)
	random := randomObjects()
	for _, kind := range kinds {
		t.Run(kind.Kind, func(t *testing.T) {
			manager := func(c managedfields.TypeConverter) *managedfields.FieldManager {
				m, err := managedfields.NewDefaultFieldManager(c, runtime.UnsafeObjectConvertor(scheme), scheme, scheme, kind, kind.GroupVersion(), "", nil)
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			byStock, byOurs := manager(stock), manager(ours)
			owned := 0
			for range 200 {
				object := func() runtime.Object {
					o, err := scheme.New(kind)
					if err != nil {
						t.Fatal(err)
					}
					random.Fill(o)
					o.(metav1.Object).SetManagedFields(nil)
					o.GetObjectKind().SetGroupVersionKind(kind)
					return o
				}
				empty, err := scheme.New(kind)
				if err != nil {
					t.Fatal(err)
				}
				live, err := byStock.Update(empty, object(), "creator")
				if err != nil {
					continue // two items of a list that is a map have one key
				}
				owned += len(live.(metav1.Object).GetManagedFields())
				before, next := live.DeepCopyObject(), object()
				if owned%2 == 0 { // a small change
					next = live.DeepCopyObject()
					next.(metav1.Object).SetLabels(map[string]string{"a": "b"})
				}
				want, wantErr := byStock.Update(live, next.DeepCopyObject(), "controller")
				got, gotErr := byOurs.Update(live, next.DeepCopyObject(), "controller")
				if (wantErr == nil) != (gotErr == nil) {
					t.Fatalf("stock: %v, ours: %v, for\n%+v", wantErr, gotErr, next)
				}
				if wantErr == nil && !reflect.DeepEqual(owners(want), owners(got)) {
					t.Fatalf("owners:\n%+v\nwant\n%+v", owners(got), owners(want))
				}
				if !reflect.DeepEqual(live, before) {
					t.Fatal("the object before the update was changed")
				}
			}
			if owned == 0 {
				t.Error("no object had any owned field")
			}
		})
	}
}

// owners are the managed fields without their times.
func owners(o runtime.Object) map[string]string {
	all := map[string]string{}
	for _, e := range o.(metav1.Object).GetManagedFields() {
		all[e.Manager+" "+string(e.Operation)+" "+e.APIVersion+" "+e.Subresource] = e.FieldsV1.GetRawString()
	}
	return all
}

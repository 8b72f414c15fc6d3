package encoding

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
)

// converters are the stock one and ours, as the server makes them.
func converters(t *testing.T, scheme *runtime.Scheme) (stock, ours managedfields.TypeConverter) {
	t.Helper()
	published := genericapiserver.DefaultOpenAPIV3Config(openapi.Definitions, openapinamer.NewDefinitionNamer(install.External(scheme)))
	stock, err := stockTypeConverter(published, install.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = NewTypeConverter(published, install.Kinds()); err != nil {
		t.Fatal(err)
	}
	return stock, ours
}

// However an object changes, the same fields have the same owners as with the stock
// converter, and the objects stay as they were.
func TestFieldsHaveTheOwnersThatTheStockConverterGives(t *testing.T) {
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	stock, ours := converters(t, scheme)
	random := randomObjects()
	for _, k := range install.Kinds() {
		kind := k.GroupVersionKind()
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

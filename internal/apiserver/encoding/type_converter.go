package encoding

import (
	"fmt"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/builder3"
	openapicommon "k8s.io/kube-openapi/pkg/common"
	openapiutil "k8s.io/kube-openapi/pkg/util"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// typeConverter shows objects to the field manager (KEP-555). At every update the
// stock one holds the objects before and after against their schema, which our Go
// types cannot depart from, and looks through the managed fields of the one before,
// which nobody can own: a tenth of a write. What a client applies goes through the
// stock converter, and so is checked.
type typeConverter struct {
	managedfields.TypeConverter // the stock one
	checked                     map[schema.GroupVersionKind]*typed.TypedValue
}

// NewTypeConverter returns the converter of the kinds, whose schemas are taken from what the server
// publishes.
func NewTypeConverter(published *openapicommon.OpenAPIV3Config, kinds []install.Kind) (managedfields.TypeConverter, error) {
	stock, err := stockTypeConverter(published, kinds)
	if err != nil {
		return nil, err
	}
	c := &typeConverter{TypeConverter: stock, checked: map[schema.GroupVersionKind]*typed.TypedValue{}}
	for _, kind := range kinds {
		object, gvk := kind.New(), kind.GroupVersionKind()
		object.GetObjectKind().SetGroupVersionKind(gvk)
		if c.checked[gvk], err = stock.ObjectToTyped(object, typed.AllowDuplicates); err != nil {
			return nil, fmt.Errorf("find the schema of %s: %w", kind.Name, err)
		}
	}
	return c, nil
}

// ObjectToTyped implements managedfields.TypeConverter. The object must not change
// as long as the result is used.
func (c *typeConverter) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	checked := c.checked[object.GetObjectKind().GroupVersionKind()]
	_, free := object.(*unstructured.Unstructured)
	if checked == nil || free || !slices.Contains(options, typed.AllowDuplicates) {
		return c.TypeConverter.ObjectToTyped(object, options...)
	}
	v, err := value.NewValueReflect(withoutManagedFields(object))
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", object, err)
	}
	//lint:ignore SA1019 advised against because checking became cheap, which it is not for objects that are nearly all text
	return typed.AsTypedUnvalidated(v, checked.Schema(), checked.TypeRef()), nil
}

// withoutManagedFields returns the object as its type declares it, or a shallow copy of one
// that has managed fields: the watch cache shares it. Fields that the type does not
// declare are left out, so they have no owner.
func withoutManagedFields(object runtime.Object) any {
	if m, ok := object.(metav1.Object); !ok || len(m.GetManagedFields()) == 0 {
		return plain(object)
	}
	original := reflect.ValueOf(object).Elem()
	shallow := reflect.New(original.Type())
	shallow.Elem().Set(original)
	shallow.Interface().(metav1.Object).SetManagedFields(nil)
	return plain(shallow.Interface())
}

// plain has the field manager read the Go fields, rather than decode the object's text.
func plain(object any) any {
	if o, ok := object.(objectjson.Object); ok {
		return o.Plain()
	}
	return object
}

// stockTypeConverter makes the converter that the generic server would, from the
// schemas that it publishes.
func stockTypeConverter(published *openapicommon.OpenAPIV3Config, kinds []install.Kind) (managedfields.TypeConverter, error) {
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, openapiutil.GetCanonicalTypeName(kind.New()))
	}
	models, err := builder3.BuildOpenAPIDefinitionsForResources(published, names...)
	if err != nil {
		return nil, fmt.Errorf("build the schemas of the kinds: %w", err)
	}
	converter, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return nil, fmt.Errorf("read the schemas of the kinds: %w", err)
	}
	return converter, nil
}

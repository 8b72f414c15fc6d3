package clienttypes

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var scalars = map[any]reflect.Type{
	"string":  reflect.TypeFor[string](),
	"boolean": reflect.TypeFor[bool](),
	"integer": reflect.TypeFor[int64](),
}

// typeOf returns the Go type of the field at a path, without the pointer to it that its
// parent may have.
func typeOf(fields map[string]map[string]any, path string) (reflect.Type, error) {
	node := fields[path]
	switch {
	case node["go"] == "duration":
		return reflect.TypeFor[metav1.Duration](), nil
	case node["x-kubernetes-preserve-unknown-fields"] == true:
		return reflect.TypeFor[runtime.RawExtension](), nil
	case scalars[node["type"]] != nil:
		return scalars[node["type"]], nil
	case fields[path+"[]"] != nil:
		item, err := typeOf(fields, path+"[]")
		if err != nil {
			return nil, err
		}
		return reflect.SliceOf(item), nil
	case fields[path+"{}"] != nil:
		value, err := typeOf(fields, path+"{}")
		if err != nil {
			return nil, err
		}
		return reflect.MapOf(reflect.TypeFor[string](), value), nil
	case node["type"] == "object":
		return structOf(fields, path)
	}
	return nil, fmt.Errorf("%s has the type %v, for which there is none in Go", path, node["type"])
}

func structOf(fields map[string]map[string]any, path string) (reflect.Type, error) {
	var members []reflect.StructField
	for _, below := range slices.Sorted(maps.Keys(fields)) {
		name, found := strings.CutPrefix(below, path+".")
		if !found || strings.ContainsAny(name, ".[{") {
			continue
		}
		member, err := typeOf(fields, below)
		if err != nil {
			return nil, err
		}
		tag := name
		required := fields[below]["required"] == true
		if !required || fields[below]["go"] == "omitempty" {
			tag += ",omitempty"
		}
		if fields[below]["go"] == "pointer" || member.Kind() == reflect.Struct && !required {
			member = reflect.PointerTo(member)
		}
		members = append(members, reflect.StructField{
			Name: fmt.Sprintf("Field%d", len(members)), Type: member, Tag: reflect.StructTag(fmt.Sprintf("json:%q", tag)),
		})
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%s is an object without fields", path)
	}
	return reflect.StructOf(members), nil
}

package contract

import (
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// equal compares two values as JSON.
func equal(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// contains reports whether a has everything that b has, as JSON; a may have more fields.
func contains(a, b any) bool {
	a, b = plain(a), plain(b)
	want, isMap := b.(map[string]any)
	if !isMap {
		wantList, isList := b.([]any)
		gotList, _ := a.([]any)
		if !isList || len(wantList) != len(gotList) {
			return reflect.DeepEqual(a, b)
		}
		for i := range wantList {
			if !contains(gotList[i], wantList[i]) {
				return false
			}
		}
		return true
	}
	got, isMap := a.(map[string]any)
	if !isMap {
		return false
	}
	for field, value := range want {
		if !contains(got[field], value) {
			return false
		}
	}
	return true
}

// plain is a value as it is after a round trip through JSON.
func plain(v any) any {
	if o, ok := v.(object); ok {
		v = o.Object
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %v: %v", v, err)) // only JSON values are compared
	}
	var p any
	if err := json.Unmarshal(text, &p); err != nil {
		panic(err)
	}
	return p
}

// without returns a copy that lacks the fields, each given as its path.
func without(o object, paths ...[]string) object {
	o = o.DeepCopy()
	for _, path := range paths {
		unstructured.RemoveNestedField(o.Object, path...)
	}
	return o
}

// field reads a nested value, nil where there is none.
func field(o object, path ...string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	return value
}

// setField writes a nested value.
func setField(o object, value any, path ...string) {
	if err := unstructured.SetNestedField(o.Object, plain(value), path...); err != nil {
		panic(err) // the paths are constants
	}
}

func setLabel(o object, name, value string) {
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[name] = value
	o.SetLabels(labels)
}

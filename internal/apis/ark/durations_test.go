package ark_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
)

// durationFields returns all fields that hold a duration, by kind. Other timeouts
// are plain texts, some with a pattern.
func durationFields(t *testing.T) map[string][]string {
	t.Helper()
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string][]string{}
	for _, kind := range kinds {
		for _, path := range kind.Durations() {
			fields[kind.Kind] = append(fields[kind.Kind], strings.ReplaceAll(path, "[]", "[0]"))
		}
	}
	return fields
}

// Every field of type Duration, found in the Go types, keeps what was written
// and is validated, once and under its own path.
func TestEveryDuration(t *testing.T) {
	scheme, want := newScheme(t), durationFields(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	for _, gvk := range kinds(scheme) {
		steps := durationsIn(t, scheme.AllKnownTypes()[gvk], nil)
		paths := []string{}
		for _, steps := range steps {
			path := strings.TrimPrefix(strings.Join(steps, ""), ".")
			paths = append(paths, path)
			with := func(value string) runtime.Object {
				content := nested(steps, value).(map[string]any)
				content["apiVersion"], content["kind"] = gvk.ToAPIVersionAndKind()
				return decode(t, codecs, encode(t, content))
			}
			for _, text := range []string{"5m", "720h", "0", "1.50h"} {
				t.Run(gvk.Kind+"."+path+" "+text, func(t *testing.T) {
					object := with(text)
					stored := encode(t, object)
					if !strings.Contains(string(stored), `:"`+text+`"`) {
						t.Errorf("%s became %s", text, stored)
					}
					if errs := at(path, scheme.Validate(t.Context(), nil, object), validation.Validate(object)); len(errs) > 0 {
						t.Errorf("%s is refused: %v", text, errs)
					}
				})
			}
			for _, text := range []string{"soon", "", "5", "1d"} {
				t.Run(fmt.Sprintf("%s.%s %q", gvk.Kind, path, text), func(t *testing.T) {
					object := with(text)
					errs := at(path, scheme.Validate(t.Context(), nil, object), validation.Validate(object))
					if len(errs) != 1 || errs[0].Type != field.ErrorTypeInvalid || errs[0].BadValue != text ||
						errs[0].Detail != "must be a duration such as 30s, 5m or 1h30m" {
						t.Errorf("errors: %v, want one that says what a duration is", errs)
					}
				})
			}
		}
		if slices.Sort(paths); !slices.Equal(paths, want[gvk.Kind]) {
			t.Errorf("%s: durations\n got %q\nwant %q", gvk.Kind, paths, want[gvk.Kind])
		}
	}
}

// at returns the errors whose path is path.
func at(path string, lists ...field.ErrorList) (errs field.ErrorList) {
	for _, err := range slices.Concat(lists...) {
		if err.Field == path {
			errs = append(errs, err)
		}
	}
	return errs
}

// durationsIn returns the paths of all durations in a type, each a list of
// steps such as ".spec" and "[0]". Durations that rewrite their text are faults.
func durationsIn(t *testing.T, node reflect.Type, path []string) (found [][]string) {
	switch node {
	case reflect.TypeFor[v1alpha1.Duration]():
		return [][]string{path}
	case reflect.TypeFor[metav1.Duration]():
		t.Errorf("%s is a metav1.Duration, which does not keep its text", strings.Join(path, ""))
	case reflect.TypeFor[metav1.ObjectMeta](), reflect.TypeFor[metav1.TypeMeta]():
		return nil
	}
	switch node.Kind() {
	case reflect.Pointer:
		return durationsIn(t, node.Elem(), path)
	case reflect.Slice:
		return durationsIn(t, node.Elem(), append(slices.Clip(path), "[0]"))
	case reflect.Map:
		if below := durationsIn(t, node.Elem(), append(slices.Clip(path), "[key]")); len(below) > 0 {
			t.Errorf("this test does not know durations in maps: %q", below)
		}
	case reflect.Struct:
		for i := range node.NumField() {
			name, _, _ := strings.Cut(node.Field(i).Tag.Get("json"), ",")
			step := append(slices.Clip(path), "."+name)
			if name == "" {
				step = path // an embedded struct
			}
			found = append(found, durationsIn(t, node.Field(i).Type, step)...)
		}
	}
	return found
}

// nested returns an object that holds nothing but value, at the end of steps.
func nested(steps []string, value string) any {
	if len(steps) == 0 {
		return json.RawMessage(fmt.Sprintf("%q", value))
	}
	below := nested(steps[1:], value)
	if steps[0] == "[0]" {
		return []any{below}
	}
	return map[string]any{steps[0][1:]: below}
}

package registry

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/jsonpath"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// parseSort reads a sortBy for objects of a type: {.a.b}, .a.b or a.b, with a - in
// front for descending order. Paths that no object of the type can have are
// errors, rather than lists in an order that means nothing.
func parseSort(by string, of reflect.Type) (order, error) {
	path, descending := strings.CutPrefix(by, "-")
	if inner, ok := strings.CutPrefix(path, "{"); ok {
		if path, ok = strings.CutSuffix(inner, "}"); !ok {
			return order{}, errors.New("the closing brace is missing")
		}
	}
	if strings.ContainsAny(path, "{}") {
		return order{}, errors.New("use one path, such as .metadata.creationTimestamp")
	}
	template := "{." + strings.TrimPrefix(path, ".") + "}"
	parsed, err := jsonpath.Parse("sortBy", template)
	if err != nil {
		return order{}, fmt.Errorf("not a JSONPath such as .status.phase: %w", err)
	}
	if err := checkPath(parsed.Root, of); err != nil {
		return order{}, err
	}
	compiled := jsonpath.New("sortBy").AllowMissingKeys(true)
	if err := compiled.Parse(template); err != nil {
		return order{}, fmt.Errorf("not a JSONPath such as .status.phase: %w", err)
	}
	return order{path: compiled, descending: descending}, nil
}

// checkPath follows a path through a type.
func checkPath(root *jsonpath.ListNode, of reflect.Type) error {
	if len(root.Nodes) != 1 {
		return errors.New("use one path, such as .metadata.creationTimestamp")
	}
	list, ok := root.Nodes[0].(*jsonpath.ListNode)
	if !ok || len(list.Nodes) == 0 {
		return errors.New("use a path such as .metadata.creationTimestamp")
	}
	t := of
	for _, node := range list.Nodes {
		t = deref(t)
		switch node := node.(type) {
		case *jsonpath.FieldNode:
			next, ok := fieldType(t, node.Value)
			if !ok {
				return fmt.Errorf("there is no field %q", node.Value)
			}
			t = next
		case *jsonpath.ArrayNode, *jsonpath.FilterNode:
			if t.Kind() != reflect.Slice {
				return errors.New("only lists have elements")
			}
			t = t.Elem()
		default:
			return errors.New("use fields, [n] and [?(@.field==\"value\")] only")
		}
	}
	switch t = deref(t); {
	case isLeaf(t):
		return nil
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map, t.Kind() == reflect.Slice:
		return errNoValue
	}
	return nil
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isLeaf reports whether values of a struct type are compared as a whole.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime](), reflect.TypeFor[v1alpha1.JSON](), reflect.TypeFor[v1alpha1.JSONObject]():
		return true
	}
	return false
}

// fieldType returns the type of the field that has the name in JSON.
func fieldType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), name != ""
	}
	if t.Kind() != reflect.Struct || isLeaf(t) || name == "" {
		return nil, false
	}
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case tag == name:
			return field.Type, true
		case field.Anonymous && tag == "" || strings.Contains(options, "inline"):
			if found, ok := fieldType(deref(field.Type), name); ok {
				return found, true
			}
		}
	}
	return nil, false
}

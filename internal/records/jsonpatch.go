package records

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// operation is an operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value *any   `json:"value,omitempty"`
}

// jsonPatch returns the operations that change one object into another.
func jsonPatch(from, to map[string]any) []operation {
	ops := []operation{}
	add := func(op, path string, value any) {
		one := operation{Op: op, Path: path}
		if op != "remove" {
			one.Value = &value
		}
		ops = append(ops, one)
	}
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		switch a := a.(type) {
		case map[string]any:
			if b, ok := b.(map[string]any); ok {
				for _, name := range slices.Sorted(maps.Keys(a)) {
					if value, stays := b[name]; stays {
						walk(path+"/"+escape(name), a[name], value)
					} else {
						add("remove", path+"/"+escape(name), nil)
					}
				}
				for _, name := range slices.Sorted(maps.Keys(b)) {
					if _, was := a[name]; !was {
						add("add", path+"/"+escape(name), b[name])
					}
				}
				return
			}
		case []any:
			if b, ok := b.([]any); ok {
				common := min(len(a), len(b))
				for i := range common {
					walk(path+"/"+strconv.Itoa(i), a[i], b[i])
				}
				for i := len(a) - 1; i >= common; i-- {
					add("remove", path+"/"+strconv.Itoa(i), nil)
				}
				for _, value := range b[common:] {
					add("add", path+"/-", value)
				}
				return
			}
		}
		if !reflect.DeepEqual(a, b) {
			add("replace", path, b)
		}
	}
	walk("", from, to)
	return ops
}

// escape escapes a name for a JSON pointer, RFC 6901.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

package records

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/history"
)

// change is a field in which two objects differ. A missing value is nil.
type change struct {
	Path string `json:"path"`
	Old  any    `json:"old,omitempty"`
	New  any    `json:"new,omitempty"`
}

// bookkeeping are fields that the server sets with every write.
var bookkeeping = []string{"metadata.managedFields", "metadata.generation", "metadata.resourceVersion"}

// changedPaths returns the fields in which the objects of two versions differ.
func changedPaths(before, after *history.Version) ([]string, error) {
	old, err := decode(before.Object)
	if err != nil {
		return nil, err
	}
	now, err := decode(after.Object)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, c := range changes(old, now) {
		paths = append(paths, c.Path)
	}
	return paths, nil
}

// changes returns the fields that differ, by their paths: maps are compared field by field, and
// lists as a whole. Bookkeeping is excluded.
func changes(before, after map[string]any) []change {
	found := []change{}
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		if slices.Contains(bookkeeping, path) {
			return
		}
		x, mapped := a.(map[string]any)
		y, too := b.(map[string]any)
		// A map that was added or removed is reported by its fields, unless it is empty.
		if mapped && (too || b == nil && len(x) > 0) || too && a == nil && len(y) > 0 {
			for name := range x {
				walk(join(path, name), x[name], y[name])
			}
			for name := range y {
				if _, both := x[name]; !both {
					walk(join(path, name), nil, y[name])
				}
			}
			return
		}
		if !reflect.DeepEqual(a, b) {
			found = append(found, change{path, a, b})
		}
	}
	walk("", before, after)
	slices.SortFunc(found, func(a, b change) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// join appends a field to a path. A name that could be parsed as several is quoted.
func join(path, name string) string {
	if name == "" || strings.ContainsAny(name, `.[]"/`) {
		quoted, _ := json.Marshal(name) // a string can always be encoded
		return path + "[" + string(quoted) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

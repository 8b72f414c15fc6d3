package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
)

// Difference is a keyword, or a whole node, that a schema has otherwise than the
// facts. A nil value is an absent one.
type Difference struct {
	Path, Keyword string
	Got, Want     any
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, in Ark's definition %s", d.Path, d.Keyword, show(d.Got), show(d.Want))
}

// below are the keywords under which a node has others.
var below = []string{"properties", "items", "additionalProperties"}

// Compare returns every keyword at every depth in which a schema differs from the
// facts, but for Accepted and the keywords to ignore. Descriptions are not
// compared. The schema must have no references; see Resolve.
func Compare(path string, got, want map[string]any, ignore ...string) []Difference {
	var found []Difference
	for _, keyword := range union(got, want) {
		if keyword == "description" || slices.Contains(below, keyword) || slices.Contains(ignore, keyword) {
			continue
		}
		d := Difference{path, keyword, normal(keyword, got[keyword]), normal(keyword, want[keyword])}
		if !reflect.DeepEqual(d.Got, d.Want) && !accepted(d) {
			found = append(found, d)
		}
	}
	gotFields, wantFields := object(got["properties"]), object(want["properties"])
	for _, name := range union(gotFields, wantFields) {
		found = append(found, compareNodes(path+"."+name, name, gotFields[name], wantFields[name], ignore)...)
	}
	found = append(found, compareNodes(path+"[]", "items", got["items"], want["items"], ignore)...)
	return append(found, compareNodes(path+"{}", "additionalProperties", got["additionalProperties"], want["additionalProperties"], ignore)...)
}

func compareNodes(path, keyword string, got, want any, ignore []string) []Difference {
	gotNode, wantNode := object(got), object(want)
	switch {
	case gotNode == nil && wantNode == nil:
		return nil
	case gotNode == nil || wantNode == nil:
		return []Difference{{path, keyword, got, want}}
	}
	return Compare(path, gotNode, wantNode, ignore...)
}

// Resolve returns a copy of a published schema without references. lookup returns
// what a reference stands for. The keywords beside a reference win.
func Resolve(node map[string]any, lookup func(reference string) (map[string]any, error)) (map[string]any, error) {
	out := map[string]any{}
	merge := func(reference string) error {
		target, err := lookup(reference)
		if err == nil {
			maps.Copy(out, target)
		}
		return err
	}
	beside := maps.Clone(node)
	if reference, found := node["$ref"].(string); found {
		if err := merge(reference); err != nil {
			return nil, err
		}
		delete(beside, "$ref")
	}
	// OpenAPI v3 publishes a reference with a description beside it as an allOf.
	if all, _ := node["allOf"].([]any); len(all) == 1 {
		if reference, found := object(all[0])["$ref"].(string); found {
			if err := merge(reference); err != nil {
				return nil, err
			}
			delete(beside, "allOf")
		}
	}
	maps.Copy(out, beside)
	for _, keyword := range below {
		child := object(out[keyword])
		if child == nil {
			continue
		}
		if keyword != "properties" {
			resolved, err := Resolve(child, lookup)
			if err != nil {
				return nil, err
			}
			out[keyword] = resolved
			continue
		}
		fields := map[string]any{}
		for name, field := range child {
			resolved, err := Resolve(object(field), lookup)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			fields[name] = resolved
		}
		out[keyword] = fields
	}
	return out, nil
}

// normal returns a keyword's value in a form in which equal meanings are equal:
// sets sorted, absent and false the same, of a CEL rule only the expression.
func normal(keyword string, value any) any {
	switch keyword {
	case "default":
		return value
	case "enum", "required":
		list, _ := value.([]any)
		names := make([]string, 0, len(list))
		for _, name := range list {
			names = append(names, fmt.Sprint(name))
		}
		sort.Strings(names)
		return names
	case "x-kubernetes-validations":
		list, _ := value.([]any)
		var expressions []string
		for _, rule := range list {
			expressions = append(expressions, fmt.Sprint(object(rule)["rule"]))
		}
		return expressions
	}
	if value == false || value == "" {
		return nil
	}
	return value
}

func show(value any) string {
	if value == nil {
		return "absent"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

func object(value any) map[string]any {
	result, _ := value.(map[string]any)
	return result
}

func union(a, b map[string]any) []string {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Package facts holds the test data of each kind in one file: what Ark's own custom
// resource definition says about it (names, columns, and for every field its type,
// default and rules), how Ark's Go clients declare the fields, a sample, and the texts
// of a kubectl session. Tests compare the server with it, and go over all kinds by it.
// The server itself does not use it.
//
// kinds/<plural>.yaml has one line for each field. In a path, [] stands for the
// items of a list and {} for the values of a map. A line has the keywords of the
// schema, and two more: required: true for a field that its parent requires, and go:
// for one whose Go type does not follow from the schema. With go: duration it is a
// metav1.Duration, with go: pointer a scalar behind a pointer, so that Go clients can
// write its zero value, with go: omitempty left out when empty although it is required.
//
// The package may import sigs.k8s.io/yaml.
package facts

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed kinds/*.yaml
var files embed.FS

// Kind is what a definition says about its kind.
type Kind struct {
	// Kind, Version, Plural and Singular are the names of the kind.
	Kind, Version, Plural, Singular string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// Mutated kinds have a mutating webhook in Ark. It writes the whole object, durations as Go spells them.
	Mutated bool
	// Columns are the printer columns. Without any, tables show the age.
	Columns []Column
	// Fields maps a path such as spec.tools[].name to the keywords of its schema.
	Fields map[string]map[string]any
	// Sample is a realistic object of the kind.
	Sample Sample
	// References are the places where a spec may refer to a Secret or a ConfigMap.
	References []Reference
	// Session is what a user does to the kind's example with kubectl.
	Session Session
}

// Column is a printer column.
type Column struct {
	Name, Type, Path string
	Priority         int32
}

// Kinds returns the facts of all kinds, ordered by plural.
func Kinds() ([]Kind, error) {
	entries, err := files.ReadDir("kinds")
	if err != nil {
		return nil, fmt.Errorf("list the facts: %w", err)
	}
	var kinds []Kind
	for _, entry := range entries {
		text, err := files.ReadFile("kinds/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the facts: %w", err)
		}
		var kind Kind
		if err := yaml.UnmarshalStrict(text, &kind); err != nil {
			return nil, fmt.Errorf("parse the facts in %s: %w", entry.Name(), err)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// Schema returns the OpenAPI schema of the whole object, as a definition holds it.
func (k Kind) Schema() (map[string]any, error) {
	root := map[string]any{"type": "object", "properties": map[string]any{
		"apiVersion": map[string]any{"type": "string"},
		"kind":       map[string]any{"type": "string"},
		"metadata":   map[string]any{"type": "object"},
	}}
	nodes := map[string]map[string]any{"": root}
	// A parent's path is the start of its children's, so it comes first.
	for _, path := range slices.Sorted(maps.Keys(k.Fields)) {
		node := maps.Clone(k.Fields[path])
		delete(node, "required")
		delete(node, "go")
		nodes[path] = node
		above, name, keyword := split(path)
		parent, found := nodes[above]
		if !found {
			return nil, fmt.Errorf("facts of %s: %s has no parent", k.Kind, path)
		}
		if keyword != "properties" {
			parent[keyword] = node
			continue
		}
		properties, _ := parent["properties"].(map[string]any)
		if properties == nil {
			properties = map[string]any{}
			parent["properties"] = properties
		}
		properties[name] = node
		if k.Fields[path]["required"] == true {
			required, _ := parent["required"].([]any)
			parent["required"] = append(required, name)
		}
	}
	return root, nil
}

// split returns the path of the parent, the name in it, and the keyword under
// which the parent holds the child.
func split(path string) (above, name, keyword string) {
	if above, found := strings.CutSuffix(path, "[]"); found {
		return above, "", "items"
	}
	if above, found := strings.CutSuffix(path, "{}"); found {
		return above, "", "additionalProperties"
	}
	i := strings.LastIndex(path, ".")
	return path[:max(i, 0)], path[i+1:], "properties"
}

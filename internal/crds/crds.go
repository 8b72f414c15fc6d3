package crds

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/registry"
)

// YAML returns the definitions of all kinds as one YAML stream, ordered by name.
func YAML() ([]byte, error) {
	kinds := registry.Kinds()
	slices.SortFunc(kinds, func(a, b registry.Kind) int { return strings.Compare(a.Plural, b.Plural) })
	var out bytes.Buffer
	for i, kind := range kinds {
		definition, err := Definition(kind)
		if err != nil {
			return nil, fmt.Errorf("define %s: %w", kind.Resource(), err)
		}
		text, err := yaml.Marshal(definition)
		if err != nil {
			return nil, fmt.Errorf("write the definition of %s: %w", kind.Resource(), err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// Definition returns a kind as an object of apiextensions.k8s.io/v1.
func Definition(kind registry.Kind) (map[string]any, error) {
	schema, err := schemaOf(kind)
	if err != nil {
		return nil, err
	}
	scope := "Namespaced"
	if kind.ClusterScoped {
		scope = "Cluster"
	}
	names := map[string]any{
		"kind": kind.Name, "listKind": kind.Name + "List", "plural": kind.Plural, "singular": kind.Singular,
		"categories": registry.Categories(),
	}
	if len(kind.ShortNames) > 0 {
		names["shortNames"] = kind.ShortNames
	}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": kind.Resource().String()},
		"spec": map[string]any{
			"group": kind.GroupVersion.Group,
			"names": names,
			"scope": scope,
			"versions": []any{map[string]any{
				"name": kind.GroupVersion.Version, "served": true, "storage": true,
				"schema":                   map[string]any{"openAPIV3Schema": schema},
				"subresources":             map[string]any{"status": map[string]any{}},
				"additionalPrinterColumns": columns(kind),
			}},
		},
	}, nil
}

// columns returns the columns that every table shows. Those for -o wide are the
// server's own: some of them are no JSONPath.
func columns(kind registry.Kind) []any {
	var out []any
	for _, c := range kind.Columns {
		if c.Priority == 0 {
			out = append(out, map[string]any{"name": c.Name, "type": c.Type, "jsonPath": c.JSONPath})
		}
	}
	return out
}

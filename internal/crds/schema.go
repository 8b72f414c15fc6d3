package crds

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
	"github.com/mckinsey/ark-server/internal/registry"
)

// reference begins what the definitions call each other by.
const reference = "#/"

// schemaOf returns the structural schema of a kind: without references, and with
// the metadata as a definition has to have it.
func schemaOf(kind registry.Kind) (map[string]any, error) {
	all := openapi.Definitions(func(name string) spec.Ref { return spec.MustCreateRef(reference + name) })
	name := "com.mckinsey.ark." + kind.GroupVersion.Version + "." + kind.Name
	definition, found := all[name]
	if !found {
		return nil, fmt.Errorf("no OpenAPI definition is named %s", name)
	}
	node, err := toMap(definition.Schema)
	if err != nil {
		return nil, err
	}
	properties, _ := node["properties"].(map[string]any)
	properties["metadata"] = map[string]any{"type": "object"}
	return inline(node, all)
}

// inline returns a copy of a node in which every reference is replaced by what it
// refers to. The keywords next to a reference take precedence.
func inline(node map[string]any, all map[string]common.OpenAPIDefinition) (map[string]any, error) {
	out := map[string]any{}
	if ref, found := node["$ref"].(string); found {
		definition, found := all[strings.TrimPrefix(ref, reference)]
		if !found {
			return nil, fmt.Errorf("no OpenAPI definition is named %s", ref)
		}
		target, err := toMap(definition.Schema)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, target)
	}
	maps.Copy(out, node)
	delete(out, "$ref")
	tidy(out)
	for _, keyword := range []string{"items", "additionalProperties"} {
		child, found := out[keyword].(map[string]any)
		if !found {
			continue
		}
		inlined, err := inline(child, all)
		if err != nil {
			return nil, err
		}
		out[keyword] = inlined
	}
	if properties, found := out["properties"].(map[string]any); found {
		inlined := map[string]any{}
		for name, child := range properties {
			below, err := inline(child.(map[string]any), all)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			inlined[name] = below
		}
		out["properties"] = inlined
	}
	return out, nil
}

// tidy removes what openapi-gen writes for every Go struct and a definition has
// no use for: an empty object as the default, which would make an absent spec a
// spec without its required fields.
func tidy(node map[string]any) {
	if value, isObject := node["default"].(map[string]any); isObject && len(value) == 0 {
		delete(node, "default")
	}
	if node["format"] == "" {
		delete(node, "format")
	}
}

func toMap(schema spec.Schema) (map[string]any, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("encode a schema: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("decode a schema: %w", err)
	}
	return out, nil
}

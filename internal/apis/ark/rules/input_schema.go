package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// jsonTypes are the values of type in a JSON schema.
var jsonTypes = []string{"object", "array", "string", "number", "integer", "boolean", "null"}

// inputSchema is the part of a JSON schema that is checked.
type inputSchema struct {
	Type       json.RawMessage            `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// kinds returns the types, of which there may be a list; nil if there are none.
func (s inputSchema) kinds() []string {
	var one string
	var many []string
	switch {
	case s.Type == nil || string(s.Type) == "null":
		return nil
	case json.Unmarshal(s.Type, &one) == nil:
		return []string{one}
	case json.Unmarshal(s.Type, &many) == nil:
		return many
	}
	return []string{string(s.Type)}
}

func (s inputSchema) allows(kind string) bool { return slices.Contains(s.kinds(), kind) }

func parseSchema(schema *v1alpha1.JSONObject) (out inputSchema, ok bool) {
	return out, schema != nil && json.Unmarshal([]byte(schema.Raw), &out) == nil
}

// checkToolInput checks that the schema of a tool's input, and of its properties
// at any depth, has types of JSON schema.
func checkToolInput(path *field.Path, schema *v1alpha1.JSONObject) field.ErrorList {
	if schema == nil || len(schema.Raw) == 0 || schema.Raw[0] != '{' {
		return nil // that it is an object is for the schema of the Tool to demand
	}
	return checkInputSchema(path, json.RawMessage(schema.Raw), 0)
}

// maxSchemaDepth bounds the recursion; no real schema is that deep.
const maxSchemaDepth = 100

func checkInputSchema(path *field.Path, raw json.RawMessage, depth int) field.ErrorList {
	if text := string(raw); text == "true" || text == "false" {
		return nil // the schemas that allow everything, and nothing
	}
	var schema inputSchema
	if err := json.Unmarshal(raw, &schema); err != nil {
		return field.ErrorList{field.Invalid(path, short(raw), "must be a JSON schema, an object in which properties is an object")}
	}
	if depth > maxSchemaDepth {
		return field.ErrorList{field.Invalid(path, "", fmt.Sprintf("must not nest properties more than %d deep", maxSchemaDepth))}
	}
	var errs field.ErrorList
	for _, kind := range schema.kinds() {
		if !slices.Contains(jsonTypes, kind) {
			errs = append(errs, field.NotSupported(path.Child("type"), kind, jsonTypes))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		errs = append(errs, checkInputSchema(path.Child("properties").Key(name), schema.Properties[name], depth+1)...)
	}
	return errs
}

// short is the start of a text, for an error.
func short(raw []byte) string {
	const most = 100
	if len(raw) <= most {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:most]), "") + "..."
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
	"github.com/mckinsey/ark-server/internal/registry"
)

// types are the published definitions of the API's types.
type types struct {
	byName map[string]common.OpenAPIDefinition
}

// ours is how the names of the group's own types begin.
const ours = "com.mckinsey.ark."

func newTypes() types {
	return types{byName: openapi.Definitions(func(name string) spec.Ref {
		return spec.MustCreateRef("#" + name)
	})}
}

func (t types) ofKind(kind registry.Kind) (common.OpenAPIDefinition, error) {
	name := ours + kind.GroupVersion.Version + "." + kind.Name
	definition, ok := t.byName[name]
	if !ok {
		return definition, fmt.Errorf("no definition is named %s", name)
	}
	return definition, nil
}

// used returns the names of the group's types inside a kind, in the order in which
// its fields lead to them.
func (t types) used(root common.OpenAPIDefinition) (names []string) {
	var visit func(schema spec.Schema)
	visit = func(schema spec.Schema) {
		if name := refersTo(schema); strings.HasPrefix(name, ours) && !slices.Contains(names, name) && len(t.byName[name].Schema.Properties) > 0 {
			names = append(names, name)
			visit(t.byName[name].Schema)
		}
		if schema.Items != nil && schema.Items.Schema != nil {
			visit(*schema.Items.Schema)
		}
		if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
			visit(*schema.AdditionalProperties.Schema)
		}
		for _, field := range slices.Sorted(maps.Keys(schema.Properties)) {
			visit(schema.Properties[field])
		}
	}
	visit(root.Schema)
	return names
}

// refersTo is the name of the type that a schema stands for, or "".
func refersTo(schema spec.Schema) string {
	if ref := schema.Ref.String(); ref != "" {
		return strings.TrimPrefix(ref, "#")
	}
	if len(schema.AllOf) == 1 {
		return refersTo(schema.AllOf[0])
	}
	return ""
}

// row is the page's entry for one field.
type row struct {
	name, kind, value, rules, about string
}

func (t types) fields(name string) (rows []row) {
	schema := t.byName[name].Schema
	for _, field := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[field]
		r := row{name: field, kind: t.kind(property), about: text(property.Description)}
		if property.Default != nil && refersTo(property) == "" {
			if value, err := json.Marshal(property.Default); err == nil {
				r.value = "`" + escape(string(value)) + "`"
			}
		}
		r.rules = strings.Join(rules(property, slices.Contains(schema.Required, field)), "; ")
		rows = append(rows, r)
	}
	return rows
}

// kind is a field's type, with a link if it has its own section.
func (t types) kind(schema spec.Schema) string {
	if name := refersTo(schema); name != "" {
		target := t.byName[name].Schema
		switch {
		case strings.HasPrefix(name, ours) && len(target.Properties) > 0:
			return fmt.Sprintf("[%s](#%s)", title(name), strings.ToLower(title(name)))
		case strings.HasSuffix(name, ".JSON"):
			return "any"
		case len(target.Type) > 0:
			return t.kind(target)
		}
		return title(name)
	}
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		return "list of " + t.kind(*schema.Items.Schema)
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		return "map of " + t.kind(*schema.AdditionalProperties.Schema)
	case schema.Format == "date-time":
		return "time"
	case len(schema.Type) > 0:
		return schema.Type[0]
	}
	return "any"
}

// rules describes in words the schema's constraints on a value.
func rules(schema spec.Schema, required bool) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if required {
		add("required")
	}
	var values []string
	for _, value := range schema.Enum {
		values = append(values, fmt.Sprintf("`%v`", value))
	}
	if len(values) > 0 {
		add("one of %s", strings.Join(values, ", "))
	}
	if schema.MinLength != nil {
		add("at least %d long", *schema.MinLength)
	}
	if schema.MaxLength != nil {
		add("at most %d long", *schema.MaxLength)
	}
	if schema.Minimum != nil {
		add("at least %v", *schema.Minimum)
	}
	if schema.Maximum != nil {
		add("at most %v", *schema.Maximum)
	}
	if schema.Pattern != "" {
		add("matches `%s`", escape(schema.Pattern))
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		for _, rule := range rules(*schema.Items.Schema, false) {
			add("each item %s", rule)
		}
	}
	return out
}

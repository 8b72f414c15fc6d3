package openapi

import (
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Definitions returns the definitions that are published. It is
// GetOpenAPIDefinitions with the rules for the items of a list in the items'
// schema. openapi-gen puts them into an allOf beside it, where OpenAPI v2 has
// no room for them and few clients look.
func Definitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	all := GetOpenAPIDefinitions(ref)
	for name, definition := range all {
		for field, schema := range definition.Schema.Properties {
			if foldItems(&schema) {
				definition.Schema.Properties[field] = schema
			}
		}
		all[name] = definition
	}
	return all
}

// foldItems moves the rules for items out of the allOf of a list, and reports
// whether there were any.
func foldItems(list *spec.Schema) bool {
	if list.Items == nil || list.Items.Schema == nil {
		return false
	}
	var rest []spec.Schema
	for _, part := range list.AllOf {
		if part.Items == nil || part.Items.Schema == nil {
			rest = append(rest, part)
			continue
		}
		addRules(list.Items.Schema, part.Items.Schema)
	}
	folded := len(rest) < len(list.AllOf)
	list.AllOf = rest
	return folded
}

// addRules copies the rules that the tags of a list can set for its items.
func addRules(to, from *spec.Schema) {
	if from.Pattern != "" {
		to.Pattern = from.Pattern
	}
	if from.Format != "" {
		to.Format = from.Format
	}
	if len(from.Enum) > 0 {
		to.Enum = from.Enum
	}
	set(&to.MinLength, from.MinLength)
	set(&to.MaxLength, from.MaxLength)
	set(&to.Minimum, from.Minimum)
	set(&to.Maximum, from.Maximum)
	set(&to.MinItems, from.MinItems)
	set(&to.MaxItems, from.MaxItems)
	set(&to.MultipleOf, from.MultipleOf)
	to.ExclusiveMinimum = to.ExclusiveMinimum || from.ExclusiveMinimum
	to.ExclusiveMaximum = to.ExclusiveMaximum || from.ExclusiveMaximum
	for name, value := range from.Extensions {
		to.AddExtension(name, value)
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

package ark_test

import (
	"maps"
	"math/rand"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// instances generates objects that follow a CRD's schema, with a small chance
// of breaking it at each node. Zero values, empty lists and absent fields are
// frequent, because they are what a Go type loses most easily.
type instances struct {
	random *rand.Rand
	// mistakes is the chance, per node, of a value that breaks the schema.
	mistakes float64
}

// object returns a whole object with spec and, half of the time, status.
func (g instances) object(c *crd) map[string]any {
	apiVersion, kind := c.gvk.ToAPIVersionAndKind()
	object := map[string]any{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   map[string]any{"name": "x"},
		"spec":       g.value("spec", c.structural.Properties["spec"]),
	}
	if g.random.Intn(2) == 0 {
		object["status"] = g.value("status", c.structural.Properties["status"])
	}
	return object
}

func (g instances) mistake() bool { return g.random.Float64() < g.mistakes }

func (g instances) value(name string, s structuralschema.Structural) any {
	if s.XPreserveUnknownFields {
		return g.freeForm(s.Type == "object")
	}
	switch s.Type {
	case "object":
		return g.properties(s)
	case "array":
		list := []any{}
		for range g.random.Intn(3) {
			list = append(list, g.value("", *s.Items))
		}
		// Two items without a key are two faults for us, and one for a CRD.
		for _, key := range s.XListMapKeys {
			if slices.ContainsFunc(list, func(item any) bool { return item.(map[string]any)[key] != "X" }) {
				return list[:1]
			}
		}
		return list
	case "boolean":
		return g.random.Intn(2) == 0
	case "integer":
		return pick(g.random, []int64{0, 1, 1, 7, 100000, -1, 100001})
	default:
		return g.text(name, s)
	}
}

func (g instances) properties(s structuralschema.Structural) map[string]any {
	object := map[string]any{}
	// The order decides what the random source yields, so it must be fixed.
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		required := s.ValueValidation != nil && slices.Contains(s.ValueValidation.Required, name)
		if required && !g.mistake() || !required && g.random.Intn(2) == 0 {
			object[name] = g.value(name, s.Properties[name])
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		for _, name := range []string{"", "a", "b"}[:g.random.Intn(3)] {
			object[name] = g.value(name, *s.AdditionalProperties.Structural)
		}
	}
	return object
}

// durations are the fields that hold a duration in our types. Their other texts
// are refused by our validation, but by no CRD.
var durations = []string{"duration", "pollInterval", "queryTTL", "timeout", "ttl"}

func (g instances) text(name string, s structuralschema.Structural) string {
	switch v := s.ValueValidation; {
	case slices.Contains(durations, name):
		return pick(g.random, []string{"30s", "5m", "720h", "0", "1.50h"})
	case v == nil || v.MinLength == nil && v.Pattern == "" && v.Format == "" && len(v.Enum) == 0:
		return pick(g.random, []string{"", "x", "<&>"})
	case len(v.Enum) > 0:
		if g.mistake() {
			return pick(g.random, []string{"", "nonsense"})
		}
		return pick(g.random, v.Enum).Object.(string)
	case v.Format == "date-time":
		return "2025-01-31T12:00:00Z"
	case g.mistake():
		return pick(g.random, []string{"", "-", "x y", strings.Repeat("x", 70000)})
	case strings.HasPrefix(v.Pattern, "^https"):
		return "http://example.com"
	case strings.HasPrefix(v.Pattern, "^(0"):
		return pick(g.random, []string{"0", "0.5", "1.0"})
	case strings.HasPrefix(v.Pattern, "^([0-9]+"):
		return pick(g.random, []string{"30s", "1h1.5m"})
	default:
		return "X"
	}
}

func (g instances) freeForm(isObject bool) any {
	values := []any{map[string]any{}, map[string]any{"b": int64(1), "a": []any{nil, "<&>", map[string]any{"c": false}}}}
	if !isObject || g.mistake() {
		values = append(values, "", "text", []any{}, int64(0), int64(7), true, 1.5)
	}
	return pick(g.random, values)
}

func pick[T any](random *rand.Rand, values []T) T { return values[random.Intn(len(values))] }

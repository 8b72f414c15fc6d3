package facts

import (
	"encoding/json"
	"maps"
	"slices"
)

// Sample is what a test needs to write objects of a kind. Its values are JSON.
type Sample struct {
	// Spec is valid. Changed is a JSON merge patch to it that changes a field which it sets.
	Spec, Changed json.RawMessage
	// Status is valid, and with the conditions it has a value for every printed column.
	Status json.RawMessage
	// Conditions are the types of the status's conditions, which are true.
	Conditions []string
	// Needs are the objects that the spec refers to, without a namespace.
	Needs []json.RawMessage
	// Invalid breaks a rule of the kind.
	Invalid Invalid
}

// Invalid is a value that makes a sample invalid.
type Invalid struct {
	// Field is its path, such as spec.tools[0].type. The server's refusal names it.
	Field string
	// Value replaces the field's value. Null takes the field away.
	Value any
}

// Reference is a place where the kind's spec may refer to a Secret or a ConfigMap.
type Reference struct {
	// Place is the path below the spec, without the field value that sources are in.
	Place string
	// Spec is valid, with the verb %s in place of the value, or, in an element of a list that ends with it, of the value's source.
	Spec string
}

// Session has the texts of a user's session with the kind's example in docs/examples.
type Session struct {
	// Needs are the files of the examples that the kind's own refers to.
	Needs []string
	// Old is a text of the example, and Changed replaces it in the file that is applied next.
	Old, Changed string
	// Edit is what sed does to the object in an editor.
	Edit string
	// Waits is what kubectl waits for while the status is written.
	Waits string
}

// Durations returns the paths of all fields that hold a duration, ordered.
func (k Kind) Durations() []string {
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(k.Fields)) {
		if k.Fields[path]["go"] == "duration" {
			paths = append(paths, path)
		}
	}
	return paths
}

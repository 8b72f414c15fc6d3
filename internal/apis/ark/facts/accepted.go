package facts

import (
	"reflect"
	"strings"
)

// acceptedDifference is a place where our published schema and Ark's definition
// differ, and stay different.
type acceptedDifference struct {
	// fields end the paths of the nodes.
	fields []string
	// keyword is the one that differs; ours and theirs are its values.
	keyword      string
	ours, theirs any
	// reason says why the difference does no harm.
	reason string
}

var acceptedDifferences = []acceptedDifference{
	{[]string{"spec"}, "default", map[string]any{}, nil,
		"an absent spec is the same as an empty one, in which defaults and required fields count"},
	{[]string{"spec.maxTurns", ".maxTokens", "status.toolCount"}, "format", "int64", nil,
		"openapi-gen gives every integer the format of its Go type; int64 is what the definition accepts"},
}

func accepted(d Difference) bool {
	for _, a := range acceptedDifferences {
		for _, field := range a.fields {
			if (d.Path == field || strings.HasSuffix(d.Path, field) && field != "spec") && d.Keyword == a.keyword &&
				reflect.DeepEqual(d.Got, a.ours) && reflect.DeepEqual(d.Want, a.theirs) {
				return true
			}
		}
	}
	return false
}

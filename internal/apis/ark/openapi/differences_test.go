package openapi

import "reflect"

// knownDifference is a place where our published schema and the custom
// resource definition's differ, and stay different.
type knownDifference struct {
	// field is the JSON name of the node.
	field string
	// keyword is the fact that differs.
	keyword string
	// ours and theirs are the two values; nil is absent.
	ours, theirs any
	// reason says why the difference does no harm.
	reason string
}

var knownDifferences = []knownDifference{
	{"spec", "default", map[string]any{}, nil,
		"an absent spec is the same as an empty one, in which defaults and required fields count"},
	{"maxTurns", "format", "int64", nil,
		"openapi-gen gives every integer the format of its Go type; int64 is what the CRD accepts"},
	{"maxTokens", "format", "int64", nil,
		"openapi-gen gives every integer the format of its Go type; int64 is what the CRD accepts"},
	{"toolCount", "format", "int64", nil,
		"openapi-gen gives every integer the format of its Go type; int64 is what the CRD accepts"},
}

func (d knownDifference) key() string {
	return d.field + ": " + d.keyword + " " + show(d.ours) + " for " + show(d.theirs)
}

func (d knownDifference) matches(field, keyword string, got, want any) bool {
	return d.field == field && d.keyword == keyword &&
		reflect.DeepEqual(d.ours, got) && reflect.DeepEqual(d.theirs, want)
}

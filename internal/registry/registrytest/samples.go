// Package registrytest has one realistic object for every Ark kind, for tests that go
// over all kinds, and what helps to compare them.
//
// The package may import internal/apis/ark/facts.
package registrytest

import (
	"encoding/json"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// Sample is the data that a test needs to exercise a kind.
type Sample struct {
	Kind    string
	Version string // the version within the group, such as v1alpha1
	Plural  string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// Spec is valid; Changed is a JSON merge patch to it that changes a field which it sets.
	Spec, Changed string
	// Status is a valid status with a value for every printed column.
	Status string
	// Facts are all that is known about the kind.
	Facts facts.Kind
}

// Samples returns one sample for every kind of the API, ordered by plural.
func Samples() []Sample {
	kinds, err := facts.Kinds()
	if err != nil {
		panic(err) // the facts are a part of the program
	}
	var samples []Sample
	for _, kind := range kinds {
		samples = append(samples, Sample{
			Kind: kind.Kind, Version: kind.Version, Plural: kind.Plural, ClusterScoped: kind.ClusterScoped,
			Spec: string(kind.Sample.Spec), Changed: string(kind.Sample.Changed), Status: status(kind.Sample), Facts: kind,
		})
	}
	return samples
}

// Of returns the sample of a kind.
func Of(kind string) Sample {
	for _, sample := range Samples() {
		if sample.Kind == kind {
			return sample
		}
	}
	panic("there is no sample of the kind " + kind) // a name in a test
}

// NeededObjects returns the objects that must exist in the namespace before the
// sample can be created.
func (s Sample) NeededObjects(namespace string) []map[string]any {
	var out []map[string]any
	for _, text := range s.Facts.Sample.Needs {
		obj := decode(string(text))
		obj["metadata"].(map[string]any)["namespace"] = namespace
		out = append(out, obj)
	}
	return out
}

// Object returns the sample as JSON, without a status.
func (s Sample) Object(namespace, name string) map[string]any {
	meta := map[string]any{"name": name}
	if !s.ClusterScoped {
		meta["namespace"] = namespace
	}
	return map[string]any{
		"apiVersion": "ark.mckinsey.com/" + s.Version,
		"kind":       s.Kind,
		"metadata":   meta,
		"spec":       decode(s.Spec),
	}
}

// StatusValue returns the status as JSON.
func (s Sample) StatusValue() map[string]any { return decode(s.Status) }

// status returns a sample's status with its conditions.
func status(s facts.Sample) string {
	content := decode(string(s.Status))
	var conditions []any
	for _, kind := range s.Conditions {
		conditions = append(conditions, map[string]any{
			"type": kind, "status": "True", "reason": "Fine", "message": "all is well",
			"lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 1,
		})
	}
	if conditions != nil {
		content["conditions"] = conditions
	}
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // it was JSON before
	}
	return string(text)
}

func decode(text string) map[string]any {
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("a sample is not JSON: %v: %s", err, text)) // the samples are a part of the program
	}
	return value
}

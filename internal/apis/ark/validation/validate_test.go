package validation_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
)

// example is an object's spec and status in YAML, and the errors that it has
// after defaulting, as "path: kind of error", sorted.
type example struct {
	name string
	yaml string
	want []string
}

// check runs each example through all schema validation, generated and
// hand-written.
func check(t *testing.T, version, kind string, examples []example) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, v1prealpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
	for _, example := range examples {
		t.Run(example.name, func(t *testing.T) {
			header := "apiVersion: ark.mckinsey.com/" + version + "\nkind: " + kind + "\nmetadata: {name: x}\n"
			object, err := runtime.Decode(decoder, []byte(header+strings.ReplaceAll(example.yaml, "\t", "  ")))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, problem := range append(scheme.Validate(t.Context(), nil, object), validation.Validate(object)...) {
				got = append(got, problem.Field+": "+string(problem.Type))
				if len(strings.TrimSpace(problem.Error())) <= len(problem.Field)+2 {
					t.Errorf("%s: the message says nothing", problem.Field)
				}
			}
			slices.Sort(got)
			if want := append([]string{}, example.want...); !slices.Equal(got, want) {
				t.Errorf("errors:\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestOtherObjectsAreNotOurs(t *testing.T) {
	if errs := validation.Validate(&v1alpha1.AgentList{}); errs != nil {
		t.Errorf("a list: %v", errs)
	}
}

func TestConditions(t *testing.T) {
	check(t, "v1alpha1", "Agent", []example{
		{"complete", `
status:
  conditions: [{type: example.com/Available, status: "True", reason: Available, message: "", observedGeneration: 0, lastTransitionTime: 2025-01-31T12:00:00Z}]
`, nil},
		{"empty", `
status:
  conditions: [{}]
`, []string{
			"status.conditions[0].lastTransitionTime: FieldValueRequired",
			"status.conditions[0].message: FieldValueRequired",
			"status.conditions[0].reason: FieldValueRequired",
			"status.conditions[0].status: FieldValueRequired",
			"status.conditions[0].type: FieldValueRequired",
		}},
		{"malformed", `
status:
  conditions: [{type: not a type, status: maybe, reason: "two words", message: "", observedGeneration: -1, lastTransitionTime: 2025-01-31T12:00:00Z}]
`, []string{
			"status.conditions[0].observedGeneration: FieldValueInvalid",
			"status.conditions[0].reason: FieldValueInvalid",
			"status.conditions[0].status: FieldValueNotSupported",
			"status.conditions[0].type: FieldValueInvalid",
		}},
		{"too long", `
status:
  conditions: [{type: A, status: "True", reason: ` + strings.Repeat("a", 1025) + `, message: ` + strings.Repeat("m", 32769) + `, lastTransitionTime: 2025-01-31T12:00:00Z}]
`, []string{
			"status.conditions[0].message: FieldValueTooLong",
			"status.conditions[0].reason: FieldValueTooLong",
		}},
		{"no time", `
status:
  conditions: [{type: A, status: "True", reason: A, message: m, lastTransitionTime: null}]
`, []string{"status.conditions[0].lastTransitionTime: FieldValueRequired"}},
	})
}

func TestValueSources(t *testing.T) {
	check(t, "v1alpha1", "Memory", []example{
		{"in place", `spec: {address: {value: ""}}`, nil},
		{"empty", `spec: {address: {}}`, nil},
		{"every source", `
spec:
  address:
    valueFrom:
      secretKeyRef: {key: ""}
      configMapKeyRef: {name: c, key: k, optional: false}
      serviceRef: {name: ""}
      queryParameterRef: {name: p}
`, nil},
		{"keys missing", `
spec:
  address:
    valueFrom:
      secretKeyRef: {name: s}
      configMapKeyRef: {name: c}
      serviceRef: {port: http}
      queryParameterRef: {}
`, []string{
			"spec.address.valueFrom.configMapKeyRef.key: FieldValueRequired",
			"spec.address.valueFrom.queryParameterRef.name: FieldValueRequired",
			"spec.address.valueFrom.secretKeyRef.key: FieldValueRequired",
			"spec.address.valueFrom.serviceRef.name: FieldValueRequired",
		}},
		{"header", `
spec:
  address: {value: a}
  headers: [{name: A, value: {}}, {name: "", value: {value: v}}, {name: B}]
`, []string{
			"spec.headers[1].name: FieldValueRequired",
			"spec.headers[2].value: FieldValueRequired",
		}},
	})
}

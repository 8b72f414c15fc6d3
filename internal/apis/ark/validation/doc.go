// Package validation holds the schema rules of the group ark.mckinsey.com that
// field tags cannot express: patterns, required lists (which may be empty but
// not missing), free-form fields, durations and times.
// Everything else comes from the generated declarative validation, which the
// registry runs as well; no rule is in both, so no error is reported twice.
//
// The rules look at one object alone. Rules across fields and references to
// other objects belong to admission.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1 and
// k8s.io/apimachinery.
package validation

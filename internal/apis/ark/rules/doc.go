// Package rules holds what Ark decides about an object beyond its schema: the
// defaults and migrations that depend on more than a field, the rules across
// fields, and whether the objects that it refers to exist. In a cluster with
// custom resources, Ark's admission webhooks do this.
//
// Each kind has a file with those of the following that it needs; all of them
// run on writes of the main resource, never on status writes or on an object
// that is being deleted:
//
//   - Default<Kind> fills in and migrates. It runs before the schema is
//     checked, so old forms that the schema refuses are accepted. Running it
//     twice changes nothing more.
//   - Transition<Kind> says which changes are not allowed.
//   - Check<Kind> returns the faults of a defaulted object.
//   - Warn<Kind> returns texts for the client that do not stop the request.
//
// Other objects are read through Objects; the rules never write, and never
// put a value that they read (a Secret's, say) into an error.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1 and
// k8s.io/apimachinery.
package rules

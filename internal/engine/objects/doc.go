// Package objects reads and writes the objects that queries run with, through the API and as one
// user.
//
//   - client.go: Ark's kinds, Secrets, ConfigMaps and Services
//   - values.go: the values of fields that refer to one of these
//   - recorder.go: the versions of the objects that were read
//   - shared.go: one read for all concurrent callers of an object
//   - codec.go: the JSON of Ark's kinds
//
// In a cluster Ark's kinds are this server's, and Secrets, ConfigMaps and Services are those of the
// host.
//
// Invariants: everything goes through the API, and nothing is cached: a changed Secret takes effect
// from the next call. A read that several callers share begins after each of them has called.
//
// The package may import internal/apis/ark/install, internal/apis/ark/v1alpha1,
// internal/apis/ark/v1prealpha1, internal/objectjson, k8s.io/api, k8s.io/apimachinery and
// k8s.io/client-go.
package objects

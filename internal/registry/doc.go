// Package registry holds the REST storage of the Ark kinds: one generic store
// and one generic strategy, driven by a small description of each kind.
//
// Every kind has a file of its own (agent.go, query.go, ...) that says what is
// particular to it: its names and scope, where its spec and status live, and
// the columns that kubectl prints. Everything else is common:
//
//   - status is dropped on create and kept from the old object on update; a
//     status update keeps everything else, metadata included, as a CRD with the
//     status subresource does (strategy.go, status_strategy.go);
//   - metadata.generation is 1 on create and grows with the spec, never with
//     status or metadata;
//   - schema rules run as generated declarative validation plus the
//     hand-written rules of internal/apis/ark/validation, ratcheted: a fault
//     that an object already had does not block an update (validate.go);
//   - tables have the columns of the CRDs the kinds used to be (table.go).
//
// The package keeps no state and knows neither where objects are stored (a
// generic.RESTOptionsGetter says so) nor who may use them. It may import
// internal/apis/ark and k8s.io/apiserver.
package registry

// Package reporting serves SQL and search over the read model as the resources sqlqueries, searches
// and summaries of the records group.
//
//   - server.go: paths, and the caller
//   - search.go: searches
//   - summary.go: summaries
//   - report.go: the ready reports, and running reports
//   - rows.go: the rows that the caller may list
//   - write.go: answers as JSON and Table, and the selection of a format
//   - stream.go: answers as NDJSON and CSV, while their statement runs
//
// Invariants:
//
//   - A request needs the right to create sqlqueries or searches (to list searches, with GET). The
//     rows that it may read are determined for each kind by the right to list it, as
//     internal/access finds it at the time of the request, and before the statement runs.
//   - An answer contains its revision. It includes the writes that were acknowledged before the
//     request, or has a Warning that they may be missing.
//   - No input of a user causes an internal server error.
//
// The package may import internal/access, internal/apis/records/v1alpha1, internal/readmodel,
// internal/search, internal/sqlquery, k8s.io/apimachinery and k8s.io/apiserver.
package reporting

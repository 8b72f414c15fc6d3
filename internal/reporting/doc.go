// Package reporting serves SQL and search over the read model as the resources sqlqueries, searches
// and summaries of the records group.
//
//   - server.go: paths, and who asks
//   - search.go: searches
//   - summary.go: summaries
//   - report.go: the ready reports, and how reports are run
//   - rows.go: which rows the caller may list
//   - write.go: answers as JSON and Table, and the choice of a format
//   - stream.go: answers as NDJSON and CSV, while their statement runs
//
// Invariants:
//
//   - The right to create sqlqueries or searches (to list searches, with GET) says who may ask.
//     What is read is decided for each kind by the right to list it, as internal/access finds it at
//     the time of the request, and before the statement runs.
//   - An answer says the revision that it shows. Writes acknowledged before the request are in it,
//     or a Warning says that they may be missing.
//   - What a user types is never an error of the server.
//
// The package may import internal/access, internal/apis/records/v1alpha1, internal/readmodel,
// internal/search, internal/sqlquery, k8s.io/apimachinery and k8s.io/apiserver.
package reporting

// Package contract tests what a client of the Ark API may rely on, number by number (C01 to C37),
// against every way the server can run and, as the reference that the tests themselves are right,
// against the Ark kinds as CRDs on a real kube-apiserver.
//
//   - numbers_test.go lists the numbers, systems_test.go the systems, and coverage_test.go which
//     number runs where, with the reason wherever one does not. docs/conformance.md is written from
//     those tables.
//   - server_test.go, place_test.go and stream_test.go are the kit: requests with exact answers, a
//     place of its own for each test and kind, and watches.
//   - cNN_name_test.go holds the test of one number.
//
// Requests are made over plain HTTP, so that status codes, headers and bodies are what the server
// sent and not what a client library made of them.
package contract

// Package kubectl checks that the real server binary, started as README.md describes, does what
// users of kubectl expect: one server, one test, a real kubectl. Its subtests run in order and
// share the server; each uses a separate namespace where possible.
//
// TestGolden, on a separate server, compares what a user sees of each kind, from apply to delete,
// with the files in testdata.
package kubectl

// Package kubectl shows that the real server binary, started as README.md says, does what users of
// kubectl expect: one server, one test, a real kubectl. Its subtests run in order and share the
// server; each works in a namespace of its own where it can.
//
// TestGolden, on a server of its own, holds what a user sees of each kind, from apply to delete, to
// the files in testdata.
package kubectl

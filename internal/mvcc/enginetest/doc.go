// Package enginetest is the contract of mvcc.Engine and mvcc.Shared as a test
// suite, which every engine runs on its real database.
//
// The suite keeps a model of what has been committed and holds each answer of the
// engine against it.
//
// The package is for tests only. It may import mvcc and testing.
package enginetest

// Package enginetest is the contract of mvcc.Engine and mvcc.Shared as a test
// suite, which every engine runs on its real database.
//
// The suite keeps a model of what has been committed and holds each answer of the
// engine against it. What an engine owes when its server dies or the network fails is
// tested by functions of their own, which need a server to kill or a proxy.
//
// The package is for tests only.
//
// The package may import internal/mvcc, internal/sqltest and golang.org/x/sync.
package enginetest

// Package storetest opens stores for tests: SQLite databases in temporary folders, closed when the
// test ends.
//
// The package is for tests only.
//
// The package may import internal/etcdserver, internal/etcdserver/direct, internal/mvcc,
// internal/mvcc/sqlite and go.etcd.io/etcd/client/v3.
package storetest

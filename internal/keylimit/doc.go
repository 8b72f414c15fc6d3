// Package keylimit counts the requests and tokens of chat keys, and decides whether a request is
// within a key's limits.
//
//   - ledger.go: requests and tokens as rows of a side table, which all replicas read
//   - window.go: a replica's cache of the rows of one key
//
// Invariants: on one replica a limit of requests is never exceeded. With several replicas, each
// reads all rows that were written before its request, so they exceed the limit at most by the
// requests in flight. Tokens are counted when a model reports them, so the requests in flight may
// exceed a limit of tokens.
//
// The package may import internal/mvcc and internal/token.
package keylimit

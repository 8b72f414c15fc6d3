// Package keylimit counts what keys for chat use, and says whether a request is within a key's
// limits.
//
//   - ledger.go: requests and tokens as rows of a side table, which all replicas read
//   - window.go: what a replica remembers of the rows of one key
//
// Invariants: on one replica a limit of requests is never exceeded. Of several replicas, each has
// read all that was written before its request: so they exceed it by what is in flight at most.
// Tokens count when a model has counted them: requests that are in flight then may exceed a limit
// of tokens.
//
// The package may import internal/mvcc and internal/token.
package keylimit

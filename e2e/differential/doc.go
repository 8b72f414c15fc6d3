// Package differential sends the same random requests to an embedded etcd and to our endpoint, and
// compares every answer.
//
// These may differ: IDs of cluster and member, the raft term, the remaining TTL of a lease, how
// events are batched into watch responses, and the revisions in the headers of those. Everything
// else must be equal.
//
//	go test ./differential                      # 24 seeds of 1,500 requests
//	ARK_DIFF_SEEDS=500 go test ./differential   # more seeds
//	ARK_DIFF_SEED=17 go test ./differential     # one of them again
//	ARK_DIFF_OPS=10000 ...                      # requests per seed
//
// Odd seeds reach our endpoint over gRPC, even seeds within the process. A seed determines the
// whole run: a failure prints its seed and the requests that led to it.
package differential

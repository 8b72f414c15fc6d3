// Package metrics turns what a server knows of its storage into Prometheus metrics, all
// of them named ark_.
//
// A Metrics is one server's: nothing here is global, so several servers may run in a
// process. It hears of batches and of compaction as they happen (it is an
// mvcc.Observer), and asks the store and its endpoint for the rest when it is scraped.
// That asks nothing of the database but its size, at most every half minute and for at
// most a second.
//
// The table of families in families.go is all there is; docs/operations/metrics.md is
// written from it, and a test holds the two together.
//
// The package may import internal/connections, internal/etcdserver, internal/heap,
// internal/history, internal/mvcc, internal/peer, internal/readmodel,
// github.com/prometheus/client_golang, github.com/prometheus/client_model and
// k8s.io/component-base.
package metrics

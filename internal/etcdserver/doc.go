// Package etcdserver speaks etcd's v3 protocol (go.etcd.io/etcd/api/v3) in
// front of an mvcc.Store: KV, Watch, Lease, Cluster and Maintenance.
//
// # How it is cut
//
// A Server owns one service per protobuf service; each verb has its own file.
// A service checks a request the way etcd does, converts it to the store's
// types, and converts the answer back without copying keys or values. The same
// services are reached in two ways: over gRPC (Serve, Register), and without a
// wire from the same process (package direct).
//
// # Invariants
//
//  1. An error is one of etcd's own, compared by its exact text, wherever etcd
//     has one (errors.go). A write whose outcome is unknown is an error, never
//     a failed compare.
//  2. One goroutine runs all watchers of a Watch stream and does all its
//     sending. Hence events and progress of a watcher are in one order, and a
//     revision in a header never runs ahead of an undelivered event.
//  3. A slow reader blocks the goroutine of its own stream and nothing else.
//  4. What a service returns shares its bytes with the store: callers in the
//     same process must not change it.
//
// # Beyond etcd
//
// A watcher created with progress_notify is told about the store's revision
// not only periodically but soon after it moved (Options.EagerProgress), and at
// once when somebody reads the key that stands for its span (nudge.go). Both
// are legal: a client cannot tell them from a periodic notification. They spare
// the readers of the API server's watch cache its 100 ms polling.
//
// The package may import internal/mvcc, internal/privatefile, go.etcd.io/etcd/api/v3,
// google.golang.org/grpc and google.golang.org/protobuf.
package etcdserver

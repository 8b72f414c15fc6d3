// Package direct is an etcd client without a wire: clientv3's own code on top,
// an etcdserver.Server called as a function below. A call costs a microsecond
// instead of the sixty and more of gRPC, and nothing is encoded or copied.
//
// # Use
//
//	client := direct.NewClient(srv)   // one per resource is cheap
//	defer client.Close()
//	store := etcd3.New(client, ...)   // k8s.io/apiserver/pkg/storage/etcd3
//
// The API server decides by an endpoint's version whether it may ask for watch
// progress, and a client without a wire has no endpoints. Tell it once, before
// the first store is made:
//
//	feature.DefaultFeatureSupportChecker.CheckClient(
//		ctx, direct.Endpoint(client), storage.RequestWatchProgress)
//
// (feature is k8s.io/apiserver/pkg/storage/feature.) The check runs in a
// goroutine of the checker's and is done when its Supports says so. RangeStream
// needs no such call: it counts as supported until a server says otherwise.
// Nobody compacts either unless etcd3.NewCompactor is started on one client.
//
// # Invariants
//
//  1. A call behaves as over gRPC: errors are the same status errors, which
//     clientv3 maps to the same rpctypes values; a context that ends ends the
//     call; a stream that is closed leaves no goroutine behind.
//  2. Streams are bounded: a watcher that is not read blocks the server's
//     goroutine of that one stream.
//  3. Keys and values in answers are the store's own memory. Do not change them.
//
// Writes are recorded with the actor of etcdserver.WithActor on their context.
//
// The package may import internal/etcdserver, go.etcd.io/etcd/api/v3,
// go.etcd.io/etcd/client/v3 and google.golang.org/grpc.
package direct

// Package storage is the seam between the API server and where it keeps its objects.
//
// That is behind Backend: an etcd outside (NewEtcd), or any etcd v3 client in this process
// (NewClient), which is how our own storage is reached without a wire. Both use the stock etcd3
// storage and watch cache. RESTOptions gives a registry its stores on a backend; where objects lie
// says a Layout.
//
// Around the stock storage stand, from the outside in: what explains its failures in the API's
// terms (too_large.go, unavailable.go, no_space.go, versioner.go), what has the context of a write
// say who writes (actor_storage.go), the watch cache, and what leaves undecodable objects out of
// lists and watches (undecodable.go) and bounds the cache's history by bytes (history.go).
//
// Invariants: a client's fault is never answered with 500; a failure of the database says whether
// to try again; one object that cannot be decoded hides no other; nothing is sent to a socket that
// another user has put in the place of the server's (backend_etcd.go).
//
// The package may import internal/apiserver/findings, internal/apiserver/hooks,
// internal/apiserver/layout, internal/apiserver/stack, internal/heap, internal/privatefile,
// go.etcd.io/etcd/api/v3, go.etcd.io/etcd/client/v3, go.uber.org/zap,
// google.golang.org/grpc, k8s.io/apimachinery, k8s.io/apiserver, k8s.io/client-go and
// k8s.io/utils.
package storage

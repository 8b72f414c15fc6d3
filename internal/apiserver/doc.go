// Package apiserver assembles the stock k8s.io/apiserver for the Ark kinds, in
// the way that both modes of ark-server (standalone and aggregated) share:
//
//	Options --Config--> Config --Complete--> CompletedConfig --New--> Server --Run-->
//
// Between Config and Complete a mode fills in what differs: who the users are
// and what they may do (Config.Generic.Authentication, .Authorization), which
// admission plugins run and what feeds them, and further API groups.
//
// Where objects are kept is behind Backend: an etcd outside (Etcd), or any
// etcd v3 client in this process (Client), which is how our own storage is
// reached without a wire. Both use the stock etcd3 storage and watch cache.
//
// Invariants: a type is its own internal version, and no published document
// says so (scheme.go); Ark kinds have the media types of custom resources
// (media.go); a client's fault is never answered with 500 (faults.go,
// too_large.go), and a failure of the database says whether to try again
// (no_space.go, unavailable.go); every write carries its Actor down to the backend (actor.go);
// the server is ready only once its caches and its storage are.
//
// The package may import internal/registry, internal/apis/ark and
// k8s.io/apiserver, not k8s.io/kubernetes, internal/mvcc or internal/etcdserver.
package apiserver

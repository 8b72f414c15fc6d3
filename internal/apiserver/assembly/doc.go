// Package assembly makes a server of the stock k8s.io/apiserver for the Ark kinds, in
// the way that both modes of ark-server (standalone and aggregated) share:
//
//	Options --NewConfig--> Config --Complete--> CompletedConfig --New--> Server --Run-->
//
// Between NewConfig and Complete a mode fills in what differs: who the users are
// and what they may do (Config.Generic.Authentication, .Authorization), which
// admission plugins run and what feeds them, and further API groups.
//
// It puts together what the packages beside it hold: the seam to the endpoint (storage), the
// HTTP filters (filters), codecs and converters (encoding), and where objects lie (layout).
//
// Invariants: no published document says that a type is its own internal version (openapi.go);
// the Ark group is installed as the stock server would, but for its codecs and its type
// converter (install.go), and routed as by the stock router (routes.go); /version can be parsed
// (version.go); the server is ready only once its caches and its storage are (server.go).
//
// The package may import the packages beside it, internal/registry, internal/apis/ark,
// internal/version, k8s.io/apiserver and client-go, not k8s.io/kubernetes, internal/mvcc or
// internal/etcdserver.
package assembly

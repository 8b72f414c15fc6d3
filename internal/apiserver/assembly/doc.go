// Package assembly makes a server of the stock k8s.io/apiserver for the Ark kinds, in
// the way that both modes of ark-server (standalone and aggregated) share:
//
//	Options --NewConfig--> Config --Complete--> CompletedConfig --New--> Server --Run-->
//
// Between NewConfig and Complete a mode fills in what differs: who the users are
// and what they may do (Config.Generic.Authentication, .Authorization), which
// admission plugins run and what feeds them, and further API groups.
//
// It assembles the parts of its sibling packages: the seam to the endpoint (storage), the
// HTTP filters (filters), codecs and converters (encoding), and where objects lie (layout).
//
// Invariants: no published document says that a type is its own internal version (openapi.go);
// the Ark group is installed as the stock server would, but for its codecs and its type
// converter (install.go), and routed as by the stock router (routes.go); /version can be parsed
// (version.go); the server is ready only once its caches and its storage are (server.go).
//
// The package may import internal/apis/ark, internal/apis/ark/install,
// internal/apis/ark/openapi, internal/apis/ark/rules, internal/apiserver/encoding,
// internal/apiserver/filters, internal/apiserver/findings, internal/apiserver/hooks,
// internal/apiserver/layout, internal/apiserver/storage, internal/heap, internal/inprocess,
// internal/registry, internal/version, github.com/emicklei/go-restful/v3,
// go.opentelemetry.io/otel, k8s.io/api, k8s.io/apimachinery, k8s.io/apiserver,
// k8s.io/client-go, k8s.io/component-base, k8s.io/klog/v2 and k8s.io/kube-openapi.
package assembly

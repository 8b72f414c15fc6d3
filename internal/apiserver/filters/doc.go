// Package filters holds what a request goes through beside the stock handler chain: HTTP
// handlers, the authenticator's wrapper, and the check of unknown fields before admission.
// Chain has them in their order.
//
// Invariants: a client's fault is never answered with 500 (faults.go); a late answer is 504
// (deadline.go), and a panic is a Status (panics.go); every failure of the server's is logged with
// its ids, at a bounded rate (request_log.go); every write has its Actor in the context (actor.go);
// Ark kinds and their records have the media types of custom resources (media.go); a client stays
// within the bounds of its connection (connections.go); what there is no memory for is refused
// (memory.go); where requests queue, a body is read before (body.go).
//
// It must not know where objects are stored.
//
// The package may import internal/apis/ark, internal/apis/ark/install, internal/apis/records,
// internal/apiserver/findings, internal/apiserver/hooks, internal/apiserver/stack,
// internal/clientfault, internal/connections, internal/heap, internal/objectjson,
// internal/registry, go.opentelemetry.io/otel/trace, k8s.io/api, k8s.io/apimachinery,
// k8s.io/apiserver, k8s.io/client-go, k8s.io/klog/v2 and sigs.k8s.io/yaml.
package filters

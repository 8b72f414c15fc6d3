// Package direct makes an aggregated server an API server for whole clients: one address that
// answers for Ark's kinds itself and passes every other request to the cluster's kube-apiserver.
//
//   - What is the server's own (route.go): Ark's groups, their OpenAPI, health, metrics.
//   - What is passed on (forward.go): everything else, watches and upgrades included, with the
//     caller's own bearer token and impersonation headers. The server adds no credentials and no
//     rights.
//   - Discovery and OpenAPI v3 (merge.go): the cluster's, with the server's groups added where the
//     cluster does not list them.
//
// Invariants:
//
//   - A forwarded request has the credentials that the caller sent and no others. A client
//     certificate cannot be forwarded: its holder gets 403 outside the server's own paths.
//   - A request with a client certificate is never forwarded. kube-apiserver's aggregator has one,
//     so that no request goes round.
//   - A list of the cluster's groups is whole or an error: it never lacks groups because
//     kube-apiserver does not answer.
//
// The package may import k8s.io/apimachinery, k8s.io/apiserver, k8s.io/client-go and
// k8s.io/klog/v2.
package direct

// Package aggregated serves the Ark API inside a cluster, behind the
// aggregation layer of its kube-apiserver: it adds to
// internal/apiserver/assembly what the cluster decides.
//
//   - Who asks (authn.go, trust.go): the front proxy's word, client certificates of the
//     cluster's authority, and bearer tokens by TokenReview. The two authorities
//     and the header names are read from the ConfigMap
//     kube-system/extension-apiserver-authentication and followed as it changes.
//     Who shows no credentials may read health and version, nothing else.
//   - What they may do (authz.go): SubjectAccessReview, so the cluster's RBAC.
//   - What is admitted (admission.go, capabilities.go): namespaces, webhooks,
//     policies and quotas of the cluster. kube-apiserver does not run admission for what it
//     proxies. A plugin whose API the cluster lacks is left out with a warning; one
//     whose API this server may not read is an error, because leaving it out would
//     switch a rule of the cluster off unseen.
//   - What exists (references.go): the Secrets and ConfigMaps that Ark objects name,
//     as far as the server may get them.
//   - How the direct endpoint asks (tokens.go, anyname.go): about tokens so that no answer is older
//     than it may be, about rights so that a question is the same for every object.
//   - What lasts through an outage of kube-apiserver (outage.go), with Options.Direct: what it has
//     confirmed lately of users and permissions.
//   - What parts of the process serve and may do in addition to the API (parts.go).
//   - What is recorded (server.go): audit events, with the Audit-ID that
//     kube-apiserver gave the request.
//
// Invariants: a request that kube-apiserver did not check is checked as one that it
// did; the server is ready only once its informers have synced; it is alive
// whatever the cluster or the database does.
//
// The package may import internal/access, internal/apis/ark, internal/apis/ark/rules,
// internal/apis/records, internal/apiserver/asked, internal/apiserver/assembly,
// internal/apiserver/findings, internal/apiserver/hooks, internal/apiserver/parts,
// internal/apiserver/quota, internal/apiserver/storage, internal/direct, internal/inprocess,
// internal/records, internal/version, go.opentelemetry.io/otel/trace, golang.org/x/sync,
// k8s.io/api, k8s.io/apimachinery, k8s.io/apiserver, k8s.io/client-go, k8s.io/klog/v2 and
// k8s.io/utils.
package aggregated

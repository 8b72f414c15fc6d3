// Package standalone runs the Ark API without a Kubernetes cluster: it adds to
// internal/apiserver/assembly what a cluster would bring, short of pods, nodes and workloads.
//
//   - Keys (keys.go, certificate.go, kubeconfig.go): a certificate authority,
//     a serving certificate and an admin token, made at the first start and kept, and
//     an entry in a kubeconfig that holds the token.
//   - Users (authn.go, authn_outside.go, tokens.go, serviceaccounts_*.go): the admin's token, those
//     that users are given, client certificates, service accounts' tokens, and users of
//     issuers outside.
//   - Rights (authz.go, default_roles.go, ark_roles.go, role_rules.go): the group
//     system:masters may do anything, everybody reads health and version, and beyond that
//     roles and bindings decide. Upstream's default roles are made at the start, with Ark's
//     kinds in them.
//   - Reviews (reviews.go): who a user is, and what a user may do.
//   - Core objects (core.go, services.go, serviceaccounts.go, groups.go): namespaces, secrets and
//     configmaps, which Ark objects refer to, serviceaccounts, services, endpoints, events,
//     resourcequotas, limitranges and leases, by upstream's registries. Secrets lie in
//     the database encrypted, with keys of internal/encryption.
//   - Admission (admission.go, policies.go): upstream's plugins, and the webhooks and
//     policies that they go by, which are objects of this server or files.
//   - Controllers (controllers.go, namespaces.go, garbage.go, monitors.go, quotas.go,
//     policy_types.go, lead.go): upstream's, which carry out what the API promises beyond single
//     objects. Where servers share a database they run on one of them.
//   - Fairness (fairness.go): upstream's Priority and Fairness with its API, by which every
//     user has queues of their own.
//   - Views (views.go, definitions.go): the CustomResourceDefinitions and APIServices of Ark's
//     kinds, by which tools find out whether Ark is there.
//   - What is not there (absent.go): a request for pods and the like gets a sentence with its 404.
//
// This is the only package with k8s.io/kubernetes in it, and it takes few
// of its packages:
//
//	pkg/api/legacyscheme, pkg/apis/core
//	                                the core types, their versions and defaults
//	pkg/apis/*/install              the types of the groups that are served
//	pkg/registry/core/*/storage     core objects as kube-apiserver serves them
//	pkg/registry/core/service/{ip,port}allocator
//	                                what services ask for addresses and ports
//	pkg/registry/flowcontrol        their objects, and what keeps the default ones
//	pkg/registry/{admissionregistration,authentication,authorization,coordination,rbac}/rest
//	                                these groups as kube-apiserver serves them
//	pkg/kubeapiserver/admission     reads policies and webhooks from files
//	pkg/generated/openapi           the schemas of these types
//	pkg/registry/rbac/validation    the rules that roles grant
//	plugin/pkg/auth/authorizer/rbac, and bootstrappolicy below it
//	                                who may do what, and the default roles
//	pkg/serviceaccount              signs and verifies service accounts' tokens
//	pkg/routes                      the metadata of their issuer
//	pkg/kubeapiserver/authenticator who asks, as kube-apiserver finds it out
//	pkg/controller/namespace        deletes what a deleted namespace holds
//	pkg/controller/garbagecollector deletes what a deleted owner leaves behind
//	pkg/controller/serviceaccount   makes the account "default" in every namespace
//	pkg/controller/clusterroleaggregation
//	                                puts roles together by their labels
//	pkg/controller/resourcequota    counts what quotas limit
//	pkg/controller/validatingadmissionpolicystatus
//	                                checks the types of policies' expressions
//
// Everything else is k8s.io/apiserver and k8s.io/client-go.
//
// The package may import internal/access, internal/apis/ark, internal/apis/ark/rules,
// internal/apis/records, internal/apiserver/asked, internal/apiserver/assembly,
// internal/apiserver/parts, internal/apiserver/quota, internal/apiserver/storage, internal/crds,
// internal/encryption, internal/inprocess, internal/kubeconfig, internal/privatefile,
// internal/records, internal/registry, internal/token, github.com/emicklei/go-restful/v3,
// go.opentelemetry.io/otel/trace, golang.org/x/sync, k8s.io/api, k8s.io/apiextensions-apiserver,
// k8s.io/apimachinery, k8s.io/apiserver, k8s.io/client-go, k8s.io/component-helpers,
// k8s.io/klog/v2, k8s.io/kube-aggregator and k8s.io/kubernetes.
package standalone

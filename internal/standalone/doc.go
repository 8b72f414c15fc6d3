// Package standalone runs the Ark API without a Kubernetes cluster: it adds to
// internal/apiserver/assembly what a cluster would bring.
//
//   - Keys (keys.go, certificate.go, kubeconfig.go): a certificate authority,
//     a serving certificate and an admin token, made at the first start and kept, and
//     an entry in a kubeconfig that holds the token.
//   - Users and rights (authn.go, authz.go): bearer token or client certificate;
//     the group system:masters may do anything, everybody else nothing but read
//     health and version.
//   - Namespaces (core.go, namespaces.go, controllers.go): the upstream registry,
//     the admission that guards it, and the controller that empties a namespace
//     that is being deleted.
//   - Garbage (garbage.go): the upstream collector, which deletes what its owners
//     have left behind and carries out foreground and orphan deletions.
//   - Fairness (fairness.go): upstream's Priority and Fairness with its API, by which every
//     user has queues of their own.
//   - An empty list of CustomResourceDefinitions (definitions.go), which kubectl
//     asks for before it says that a kind does not exist.
//   - Secrets and ConfigMaps (core.go), which Ark objects refer to. They lie in
//     the database as they are, not encrypted.
//
// This is the only package with k8s.io/kubernetes in it, and it takes few
// of its packages:
//
//	pkg/api/legacyscheme, pkg/apis/core, pkg/apis/core/install
//	                                the core types, their versions and defaults
//	pkg/registry/core/{namespace,secret,configmap}/storage
//	                                core objects as kube-apiserver serves them
//	pkg/apis/flowcontrol/install    the types of Priority and Fairness
//	pkg/registry/flowcontrol        their objects, and what keeps the default ones
//	pkg/generated/openapi           the schemas of these types
//	pkg/registry/rbac/validation    the rules that roles grant
//	pkg/controller/namespace        deletes what a deleted namespace holds
//	pkg/controller/garbagecollector deletes what a deleted owner leaves behind
//
// Everything else is k8s.io/apiserver and k8s.io/client-go.
//
// The package may import internal/access, internal/apis/ark, internal/apis/ark/rules,
// internal/apiserver/assembly, internal/apiserver/storage, internal/inprocess,
// internal/kubeconfig, internal/privatefile, internal/registry, k8s.io/api,
// k8s.io/apiextensions-apiserver, k8s.io/apimachinery, k8s.io/apiserver,
// k8s.io/client-go, k8s.io/klog/v2 and k8s.io/kubernetes.
package standalone

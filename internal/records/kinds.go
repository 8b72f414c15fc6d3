package records

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// clusterNamespace is the namespace of the revisions of cluster-scoped objects, as it is for their
// Events.
const clusterNamespace = "default"

// kinds are the kinds with a history, by their resource: Ark's, retention policies, and the others
// that the server stores.
type kinds map[history.Resource]install.Kind

func newKinds(others []install.Kind) kinds {
	policy := install.Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion, Name: "RetentionPolicy", Plural: "retentionpolicies", Singular: "retentionpolicy", ClusterScoped: true,
	}
	all := kinds{resourceOf(policy): policy}
	for _, kind := range slices.Concat(install.Kinds(), others) {
		all[resourceOf(kind)] = kind
	}
	return all
}

// tokenKind is the kind of revisions of tokens. No other group serves it.
const tokenKind = "Token"

// AccessKinds returns the RBAC kinds, which a standalone server stores itself.
func AccessKinds() []install.Kind {
	version := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	return []install.Kind{
		{GroupVersion: v1alpha1.SchemeGroupVersion, Name: tokenKind, Plural: "tokens", Singular: "token", ClusterScoped: true},
		{GroupVersion: version, Name: "Role", Plural: "roles", Singular: "role"},
		{GroupVersion: version, Name: "RoleBinding", Plural: "rolebindings", Singular: "rolebinding"},
		{GroupVersion: version, Name: "ClusterRole", Plural: "clusterroles", Singular: "clusterrole", ClusterScoped: true},
		{GroupVersion: version, Name: "ClusterRoleBinding", Plural: "clusterrolebindings", Singular: "clusterrolebinding", ClusterScoped: true},
	}
}

func resourceOf(kind install.Kind) history.Resource {
	return history.Resource{Group: kind.GroupVersion.Group, Resource: kind.Plural}
}

// named returns the kind with a name, ignoring case.
func (k kinds) named(name string) (install.Kind, bool) {
	for _, kind := range k {
		if strings.EqualFold(kind.Name, name) {
			return kind, true
		}
	}
	return install.Kind{}, false
}

// namespaceOf returns the namespace in which the revisions of an object are shown.
func (k kinds) namespaceOf(ref history.Ref) string {
	if k[ref.Resource].ClusterScoped {
		return clusterNamespace
	}
	return ref.Namespace
}

// objectNamespace returns the namespace of an object of a kind whose revisions are shown in a
// namespace, and false if there can be none.
func objectNamespace(kind install.Kind, shown string) (string, bool) {
	if !kind.ClusterScoped {
		return shown, shown != ""
	}
	return "", shown == clusterNamespace
}

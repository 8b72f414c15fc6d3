package records

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// clusterNamespace is where the revisions of objects without a namespace are, as are their Events.
const clusterNamespace = "default"

// kinds are those that have a history, by their resource: Ark's, retention policies, and what else
// a server keeps itself.
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

// tokenKind is what revisions of tokens are about. It is served nowhere else.
const tokenKind = "Token"

// AccessKinds are those that say who may do what, which a standalone server keeps itself.
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

// named returns the kind of a name, whatever its case.
func (k kinds) named(name string) (install.Kind, bool) {
	for _, kind := range k {
		if strings.EqualFold(kind.Name, name) {
			return kind, true
		}
	}
	return install.Kind{}, false
}

// namespaceOf is where the revisions of an object are shown.
func (k kinds) namespaceOf(ref history.Ref) string {
	if k[ref.Resource].ClusterScoped {
		return clusterNamespace
	}
	return ref.Namespace
}

// objectNamespace is that of an object of a kind whose revisions are shown in a namespace, and
// false if there is none.
func objectNamespace(kind install.Kind, shown string) (string, bool) {
	if !kind.ClusterScoped {
		return shown, shown != ""
	}
	return "", shown == clusterNamespace
}

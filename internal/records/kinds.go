package records

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/history"
)

// clusterNamespace is where the revisions of objects without a namespace are, as are their Events.
const clusterNamespace = "default"

// kinds are Ark's kinds by their resource.
type kinds map[history.Resource]install.Kind

func newKinds() kinds {
	all := kinds{}
	for _, kind := range install.Kinds() {
		all[resourceOf(kind)] = kind
	}
	return all
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

// objectNamespace is that of an object of a kind whose revisions are shown in a namespace, and false if there is none.
func objectNamespace(kind install.Kind, shown string) (string, bool) {
	if !kind.ClusterScoped {
		return shown, shown != ""
	}
	return "", shown == clusterNamespace
}

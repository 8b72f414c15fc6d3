package server

import (
	"bytes"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/history"
)

// arkPrefix is the key prefix of Ark's objects.
var arkPrefix = []byte(layout.KeyPrefix + "/" + v1alpha1.SchemeGroupVersion.Group + "/")

// arkObject selects the Ark objects whose history is kept: those of Ark's group, at
// /registry/GROUP/RESOURCE/NAMESPACE/NAME, or without a namespace. It is called for each change of
// the log.
func arkObject(key []byte) (history.Ref, bool) {
	rest, ours := bytes.CutPrefix(key, arkPrefix)
	if !ours {
		return history.Ref{}, false
	}
	resource, object, ok := strings.Cut(string(rest), "/")
	namespace, name, namespaced := strings.Cut(object, "/")
	if !namespaced {
		namespace, name = "", object
	}
	if !ok || strings.Contains(name, "/") {
		return history.Ref{}, false
	}
	return history.Ref{Resource: history.Resource{Group: v1alpha1.SchemeGroupVersion.Group, Resource: resource}, Namespace: namespace, Name: name}, true
}

package server

import (
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/history"
)

// arkObject selects the objects whose history is kept: those of Ark's group, at /registry/GROUP/RESOURCE/NAMESPACE/NAME, or without a namespace.
func arkObject(key []byte) (history.Ref, bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) == 5 {
		parts = slices.Insert(parts, 4, "")
	}
	if len(parts) != 6 || "/"+parts[1] != layout.KeyPrefix || parts[2] != v1alpha1.SchemeGroupVersion.Group {
		return history.Ref{}, false
	}
	return history.Ref{Resource: history.Resource{Group: parts[2], Resource: parts[3]}, Namespace: parts[4], Name: parts[5]}, true
}

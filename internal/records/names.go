package records

import (
	"strconv"
	"strings"

	"github.com/mckinsey/ark-server/internal/history"
)

// nameOf returns KIND.NAME.REVISION, the name of a version.
func (k kinds) nameOf(v *history.Version) string {
	return k[v.Resource].Singular + "." + v.Name + "." + strconv.FormatInt(v.Revision, 10)
}

// parse splits a version's name. The name of the object may contain dots.
func (k kinds) parse(namespace, name string) (history.Ref, int64, bool) {
	singular, rest, _ := strings.Cut(name, ".")
	at := strings.LastIndexByte(rest, '.')
	kind, known := k.named(singular)
	if !known || kind.Singular != singular || at < 1 {
		return history.Ref{}, 0, false
	}
	revision, ok := parseRevision(rest[at+1:])
	namespace, there := objectNamespace(kind, namespace)
	return history.Ref{Resource: resourceOf(kind), Namespace: namespace, Name: rest[:at]}, revision, ok && there
}

// parseRevision parses a revision in canonical form.
func parseRevision(text string) (int64, bool) {
	revision, err := strconv.ParseInt(text, 10, 64)
	return revision, err == nil && revision > 0 && strconv.FormatInt(revision, 10) == text
}

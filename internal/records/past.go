package records

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/redact"
	"github.com/mckinsey/ark-server/internal/registry"
)

// past adapts the history to the registry of Ark's kinds.
type past struct{ *Group }

var _ registry.Past = past{}

// Past returns the reader for lists and gets as of a time. It must not be used before the group is
// installed.
func (g *Group) Past() registry.Past { return past{g} }

// RevisionAt implements registry.Past.
func (p past) RevisionAt(ctx context.Context, t time.Time) (int64, error) {
	revision, err := p.reader.RevisionAt(ctx, t)
	if err != nil {
		return 0, p.asStatus(err)
	}
	return revision, nil
}

// List implements registry.Past. Its continue tokens contain the revision, so that all pages are of
// the same one.
func (p past) List(ctx context.Context, kind install.Kind, namespace string, revision int64, limit int, cont string) ([]registry.PastObject, int64, string, error) {
	if err := p.allow(ctx, kind, namespace); err != nil {
		return nil, 0, "", err
	}
	if cont != "" {
		number, rest, ok := strings.Cut(cont, ".")
		at, known := parseRevision(number)
		if !ok || !known {
			return nil, 0, "", p.asStatus(history.ErrContinue)
		}
		revision, cont = at, rest
	}
	page, err := p.reader.AsOf(ctx, resourceOf(kind), namespace, revision, limit, cont)
	if err != nil {
		return nil, 0, "", p.asStatus(err)
	}
	open, err := p.rights.visible(ctx, "get", page.Items)
	if err != nil {
		return nil, 0, "", p.asStatus(err)
	}
	may := map[*history.Version]bool{}
	for _, v := range open {
		may[v] = true
	}
	objects := make([]registry.PastObject, 0, len(page.Items))
	for _, v := range page.Items {
		text, err := objectText(v, may[v])
		if err != nil {
			return nil, 0, "", p.asStatus(err)
		}
		objects = append(objects, registry.PastObject{JSON: text, Revision: v.Revision})
	}
	if cont = page.Continue; cont != "" {
		cont = strconv.FormatInt(revision, 10) + "." + cont
	}
	return objects, revision, cont, nil
}

// Get implements registry.Past.
func (p past) Get(ctx context.Context, kind install.Kind, namespace, name string, revision int64) (registry.PastObject, error) {
	missing := apierrors.NewNotFound(kind.Resource(), name)
	if kind.ClusterScoped {
		namespace = ""
	}
	ref := history.Ref{Resource: resourceOf(kind), Namespace: namespace, Name: name}
	sees, err := p.rights.sees(ctx, "list", ref)
	if err != nil {
		return registry.PastObject{}, p.asStatus(err)
	}
	if !sees {
		return registry.PastObject{}, apierrors.NewForbidden(kind.Resource(), name, errPast)
	}
	v, err := p.reader.At(ctx, ref, revision)
	if isNotFound(err) {
		return registry.PastObject{}, missing
	}
	if err != nil {
		return registry.PastObject{}, p.asStatus(err)
	}
	text, err := objectText(v, true) // the request itself has the right to get
	if err != nil {
		return registry.PastObject{}, p.asStatus(err)
	}
	return registry.PastObject{JSON: text, Revision: v.Revision}, nil
}

// allow refuses a user that may not list revisions in the namespace of the objects.
func (p past) allow(ctx context.Context, kind install.Kind, namespace string) error {
	if kind.ClusterScoped {
		namespace = clusterNamespace
	}
	may, err := p.rights.mayList(ctx, namespace)
	if err != nil {
		return p.asStatus(err)
	}
	if !may {
		return apierrors.NewForbidden(kind.Resource(), "", errPast)
	}
	return nil
}

// objectText returns the object of a version as it was stored, or without its secrets.
func objectText(v *history.Version, open bool) ([]byte, error) {
	if open {
		return v.Object, nil
	}
	object, err := decode(v.Object)
	if err != nil {
		return nil, err
	}
	redact.Object(object)
	return json.Marshal(object)
}

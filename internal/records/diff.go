package records

import (
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/history"
)

// changeList is the response in the format paths.
type changeList struct {
	From  int64    `json:"from,omitempty"`
	To    int64    `json:"to"`
	Items []change `json:"items"`
}

// diff compares two versions of an object: by default the newest with the previous one. Fields that
// the server sets with every write are excluded.
func (g *Group) diff(w http.ResponseWriter, r *http.Request, a about) error {
	ctx, asked := r.Context(), r.URL.Query()
	format := asked.Get("format")
	if format == "" {
		format = "unified"
	}
	if format != "unified" && format != "jsonpatch" && format != "paths" {
		return badParameter("format", format, "use unified, jsonpatch or paths")
	}
	var from, to *history.Version
	var err error
	if text := asked.Get("to"); text == "" || text == "current" {
		to, err = g.newest(ctx, a.ref)
	} else {
		to, err = g.version(ctx, a.ref, text)
	}
	if err != nil {
		return err
	}
	switch text := asked.Get("from"); text {
	case "":
		from, err = g.before(ctx, to)
	case "current":
		from, err = g.newest(ctx, a.ref)
	default:
		from, err = g.version(ctx, a.ref, text)
	}
	if err != nil {
		return err
	}
	for _, v := range []*history.Version{from, to} {
		if v != nil && v.Object == nil {
			return apierrors.NewResourceExpired(fmt.Sprintf("what revision %d wrote is not kept", v.Revision))
		}
	}
	old := map[string]any{}
	label := "nothing"
	if from != nil {
		label = g.kinds.nameOf(from)
		if old, err = g.shown(ctx, from); err != nil {
			return err
		}
	}
	now, err := g.shown(ctx, to)
	if err != nil {
		return err
	}
	switch format {
	case "paths":
		list := changeList{To: to.Revision, Items: changes(old, now)}
		if from != nil {
			list.From = from.Revision
		}
		return writeJSON(w, "application/json", list)
	case "jsonpatch":
		return writeJSON(w, "application/json-patch+json", jsonPatch(withoutBookkeeping(old), withoutBookkeeping(now)))
	}
	text, err := unifiedYAML(label, g.kinds.nameOf(to), withoutBookkeeping(old), withoutBookkeeping(now))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // the client may be gone
	return nil
}

// withoutBookkeeping removes from an object the fields that the server sets with every write.
func withoutBookkeeping(object map[string]any) map[string]any {
	if metadata, ok := object["metadata"].(map[string]any); ok {
		for _, name := range []string{"managedFields", "generation", "resourceVersion"} {
			delete(metadata, name)
		}
	}
	return object
}

func unifiedYAML(fromName, toName string, from, to map[string]any) (string, error) {
	text := func(object map[string]any) (string, error) {
		if len(object) == 0 {
			return "", nil
		}
		out, err := yaml.Marshal(object)
		return string(out), err
	}
	a, err := text(from)
	if err != nil {
		return "", err
	}
	b, err := text(to)
	if err != nil {
		return "", err
	}
	return unified(fromName, toName, a, b), nil
}

// notFound returns the error for an object that does not exist.
func notFound(ref history.Ref) error {
	return apierrors.NewNotFound(schema.GroupResource{Group: ref.Group, Resource: ref.Resource.Resource}, ref.Name)
}

// formatRevision returns the canonical form of a revision.
func formatRevision(n int64) string { return strconv.FormatInt(n, 10) }

package records

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
)

// blamed is a field of an object, and the version that set its current value.
type blamed struct {
	Path     string    `json:"path"`
	Value    any       `json:"value"`
	Revision int64     `json:"revision"`
	Verb     string    `json:"verb"`
	User     string    `json:"user,omitempty"`
	Time     time.Time `json:"time"`
	Cause    string    `json:"cause,omitempty"`
}

// blame returns for each field of an object which of the kept versions set its value.
func (g *Group) blame(w http.ResponseWriter, r *http.Request, a about) error {
	ctx, below := r.Context(), r.URL.Query().Get("path")
	q := history.Query{Resource: a.ref.Resource, Namespace: a.ref.Namespace, Name: a.ref.Name, OldestFirst: true, Objects: true, Limit: pageSize}
	by := map[string]*history.Version{}
	var last *history.Version
	var before map[string]any
	for {
		page, err := g.reader.List(ctx, q)
		if err != nil {
			return err
		}
		for _, v := range page.Items {
			if last = v; v.Deleted {
				clear(by)
				before = nil
				continue
			}
			now, err := decode(v.Object)
			if err != nil {
				return err
			}
			for _, c := range changes(before, now) {
				by[c.Path] = v
			}
			before = now
		}
		if q.Continue = page.Continue; q.Continue == "" {
			break
		}
	}
	if last == nil || last.Deleted {
		return notFound(a.ref)
	}
	shown, err := g.shown(ctx, last)
	if err != nil {
		return err
	}
	items := []blamed{}
	for _, c := range changes(nil, shown) {
		v := by[c.Path]
		if v == nil || below != "" && c.Path != below && !strings.HasPrefix(c.Path, below+".") && !strings.HasPrefix(c.Path, below+"[") {
			continue
		}
		items = append(items, blamed{Path: c.Path, Value: c.New, Revision: v.Revision, Verb: v.Verb, User: v.User, Time: v.Time.UTC(), Cause: v.Cause})
	}
	slices.SortFunc(items, func(a, b blamed) int { return strings.Compare(a.Path, b.Path) })
	return writeJSON(w, "application/json", map[string]any{"revision": last.Revision, "items": items})
}

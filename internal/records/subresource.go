package records

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// errPast names the right that a user lacks.
var errPast = errors.New("what was needs the right to list revisions of records.ark.mckinsey.com, and to list the kind")

// methods are the HTTP methods of the subresources of Ark's kinds.
var methods = map[string]string{"history": http.MethodGet, "diff": http.MethodGet, "blame": http.MethodGet, "rollback": http.MethodPost}

// about is a request for a subresource of an object.
type about struct {
	ref history.Ref
	// path is the path of the object.
	path string
	// rest is the part of the URL after the subresource, "" for nothing.
	rest string
}

// serve answers a request for a subresource. The right to the subresource has been checked; serve
// checks the rights to revisions and to the object.
func (g *Group) serve(w http.ResponseWriter, r *http.Request, info *request.RequestInfo) {
	if err := g.answer(w, r, info); err != nil {
		responsewriters.ErrorNegotiated(g.asStatus(err), g.codecs, v1alpha1.SchemeGroupVersion, w, r)
	}
}

func (g *Group) answer(w http.ResponseWriter, r *http.Request, info *request.RequestInfo) error {
	resource := schema.GroupResource{Group: info.APIGroup, Resource: info.Resource}
	kind, known := g.kinds[history.Resource{Group: info.APIGroup, Resource: info.Resource}]
	if !known || kind.GroupVersion.Version != info.APIVersion || kind.ClusterScoped != (info.Namespace == "") || len(info.Parts) > 4 ||
		len(info.Parts) == 4 && info.Subresource != "history" {
		return apierrors.NewNotFound(resource, info.Name)
	}
	if r.Method != methods[info.Subresource] {
		return apierrors.NewMethodNotSupported(schema.GroupResource{Group: info.APIGroup, Resource: info.Resource + "/" + info.Subresource}, r.Method)
	}
	a := about{ref: history.Ref{Resource: resourceOf(kind), Namespace: info.Namespace, Name: info.Name}, path: objectPath(kind, info.Namespace, info.Name)}
	if len(info.Parts) == 4 {
		a.rest = info.Parts[3]
	}
	ctx := r.Context()
	sees, err := g.rights.sees(ctx, "list", a.ref)
	if err != nil {
		return err
	}
	if !sees {
		return apierrors.NewForbidden(resource, info.Name, errPast)
	}
	if kind.Name == tokenKind && info.Subresource == "rollback" {
		return apierrors.NewMethodNotSupported(schema.GroupResource{Group: info.APIGroup, Resource: "tokens/rollback"}, "create: a token does not change, and one that is gone does not come back: make another one")
	}
	switch info.Subresource {
	case "diff":
		return g.diff(w, r, a)
	case "blame":
		return g.blame(w, r, a)
	case "rollback":
		return g.rollback(w, r, a)
	}
	if a.rest != "" {
		v, err := g.version(ctx, a.ref, a.rest)
		if err != nil {
			return err
		}
		one, err := g.whole(ctx, v)
		if err != nil {
			return err
		}
		return g.write(w, r, one)
	}
	return g.history(w, r, a)
}

func (g *Group) write(w http.ResponseWriter, r *http.Request, obj runtime.Object) error {
	responsewriters.WriteObjectNegotiated(g.codecs, negotiation.DefaultEndpointRestrictions, v1alpha1.SchemeGroupVersion, w, r, http.StatusOK, obj, false)
	return nil
}

func writeJSON(w http.ResponseWriter, media string, value any) error {
	w.Header().Set("Content-Type", media)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
	return nil
}

// history lists the versions of one object, the newest first, with the changes of each.
func (g *Group) history(w http.ResponseWriter, r *http.Request, a about) error {
	asked := r.URL.Query()
	q := history.Query{Resource: a.ref.Resource, Namespace: a.ref.Namespace, Name: a.ref.Name, Continue: asked.Get("continue"), Objects: true}
	limit := pageSize
	if text := asked.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > pageLimit {
			return badParameter("limit", text, "write a number up to "+strconv.Itoa(pageLimit))
		}
		if n > 0 {
			limit = n
		}
	}
	ctx := context.WithValue(r.Context(), parametersKey{}, asked)
	if err := period(ctx, &q); err != nil {
		return err
	}
	found, err := g.list(ctx, q, limit, nil)
	if err != nil {
		return err
	}
	list := &v1alpha1.RevisionList{Items: []v1alpha1.Revision{}}
	list.Continue, list.ResourceVersion = found.next, strconv.FormatInt(found.revision, 10)
	for i, v := range found.versions {
		one := g.kinds.revision(v)
		switch {
		case i+1 == len(found.versions):
			one.ChangedPaths, err = g.changed(ctx, v)
		case !v.Deleted && !found.versions[i+1].Deleted && v.UID == found.versions[i+1].UID && v.Object != nil && found.versions[i+1].Object != nil:
			one.ChangedPaths, err = changedPaths(found.versions[i+1], v)
		}
		if err != nil {
			return err
		}
		list.Items = append(list.Items, one)
	}
	if len(list.Items) == 0 && q.Continue == "" && q.Since.IsZero() && q.Until.IsZero() {
		return apierrors.NewNotFound(schema.GroupResource{Group: a.ref.Group, Resource: a.ref.Resource.Resource}, a.ref.Name)
	}
	return g.write(w, r, list)
}

// version returns the version of an object that a revision wrote, with its object.
func (g *Group) version(ctx context.Context, ref history.Ref, text string) (*history.Version, error) {
	revision, ok := parseRevision(text)
	if !ok {
		return nil, apierrors.NewBadRequest(strconv.Quote(text) + " is no revision: write the number that history gives one")
	}
	v, err := g.reader.Get(ctx, ref, revision)
	if isNotFound(err) {
		return nil, apierrors.NewNotFound(v1alpha1.Resource("revisions"), g.kinds.nameOf(&history.Version{Resource: ref.Resource, Name: ref.Name, Revision: revision}))
	}
	return v, err
}

// newest returns the newest version of an object, with its object.
func (g *Group) newest(ctx context.Context, ref history.Ref) (*history.Version, error) {
	page, err := g.reader.List(ctx, history.Query{Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name, Limit: 1, Objects: true})
	if err == nil && len(page.Items) == 0 {
		err = apierrors.NewNotFound(schema.GroupResource{Group: ref.Group, Resource: ref.Resource.Resource}, ref.Name)
	}
	if err != nil {
		return nil, err
	}
	return page.Items[0], nil
}

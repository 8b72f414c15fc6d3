package records

import (
	"context"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// revisions serves the kind Revision.
type revisions struct{ *Group }

var (
	_ rest.Lister               = &revisions{}
	_ rest.Getter               = &revisions{}
	_ rest.Scoper               = &revisions{}
	_ rest.SingularNameProvider = &revisions{}
	_ rest.ShortNamesProvider   = &revisions{}
)

func (*revisions) New() runtime.Object     { return &v1alpha1.Revision{} }
func (*revisions) NewList() runtime.Object { return &v1alpha1.RevisionList{} }
func (*revisions) Destroy()                {}
func (*revisions) NamespaceScoped() bool   { return true }
func (*revisions) GetSingularName() string { return "revision" }
func (*revisions) ShortNames() []string    { return []string{"rev"} }

// Get implements rest.Getter.
func (r *revisions) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	found, err := r.find(ctx, "revisions", name)
	if err != nil {
		return nil, err
	}
	one, err := r.whole(ctx, found)
	if err != nil {
		return nil, r.asStatus(err)
	}
	return one, nil
}

// List implements rest.Lister.
func (r *revisions) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	list := &v1alpha1.RevisionList{Items: []v1alpha1.Revision{}}
	if options == nil {
		options = &metainternalversion.ListOptions{}
	}
	q, match, err := r.selected(ctx, options.FieldSelector, options.LabelSelector)
	if err != nil {
		return nil, err
	}
	if err := period(ctx, &q); err != nil {
		return nil, err
	}
	q.Continue = options.Continue
	found, err := r.list(ctx, q, int(options.Limit), match)
	if err != nil {
		return nil, err
	}
	for _, v := range found.versions {
		list.Items = append(list.Items, r.kinds.revision(v))
	}
	list.Continue, list.ResourceVersion = found.next, strconv.FormatInt(found.revision, 10)
	return list, nil
}

// find returns the version with a name, with its object, if the sender may read it.
func (g *Group) find(ctx context.Context, resource, name string) (*history.Version, error) {
	missing := apierrors.NewNotFound(v1alpha1.Resource(resource), name)
	ref, revision, ok := g.kinds.parse(request.NamespaceValue(ctx), name)
	if !ok {
		return nil, missing
	}
	sees, err := g.rights.sees(ctx, "list", ref)
	if err != nil {
		return nil, g.asStatus(err)
	}
	if !sees {
		return nil, missing
	}
	found, err := g.reader.Get(ctx, ref, revision)
	if isNotFound(err) {
		return nil, missing
	}
	if err != nil {
		return nil, g.asStatus(err)
	}
	return found, nil
}

// selected returns the query for the namespace of a request and its selectors, and the remaining
// condition.
func (g *Group) selected(ctx context.Context, byField fields.Selector, byLabel labels.Selector) (q history.Query, match func(*history.Version) bool, err error) {
	namespace := request.NamespaceValue(ctx)
	q.Namespace = namespace
	if byField == nil {
		byField = fields.Everything()
	}
	for _, term := range byField.Requirements() {
		if term.Operator != selection.Equals && term.Operator != selection.DoubleEquals {
			continue // match checks it
		}
		switch term.Field {
		case "object.kind":
			kind, known := g.kinds.named(term.Value)
			if !known || kind.Name != term.Value {
				return q, nil, apierrors.NewBadRequest(fmt.Sprintf("there is no kind %q with a history", term.Value))
			}
			q.Resource = resourceOf(kind)
			if kind.ClusterScoped && namespace == clusterNamespace {
				q.Namespace = ""
			}
		case "object.name":
			q.Name = term.Value
		case "object.uid":
			q.UID = term.Value
		case "user":
			q.User = term.Value
		case "verb":
			q.Verb = term.Value
		case "metadata.name":
			ref, revision, ok := g.kinds.parse(namespace, term.Value)
			if !ok {
				q.To = -1 // there are no results
				continue
			}
			q.Resource, q.Namespace, q.Name, q.From, q.To = ref.Resource, ref.Namespace, ref.Name, revision, revision
		}
	}
	match = func(v *history.Version) bool {
		if namespace != "" && g.kinds.namespaceOf(v.Ref()) != namespace || byLabel != nil && !byLabel.Matches(labels.Set{}) {
			return false
		}
		return byField.Matches(fields.Set{
			"metadata.name": g.kinds.nameOf(v), "metadata.namespace": g.kinds.namespaceOf(v.Ref()), "object.kind": g.kinds[v.Resource].Name,
			"object.name": v.Name, "object.uid": v.UID, "user": v.User, "verb": v.Verb,
		})
	}
	return q, match, nil
}

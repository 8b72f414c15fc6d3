package records

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// rights determines what the sender of a request may read of the history.
type rights struct {
	access *access.Resolver
	kinds  kinds
}

var errNoUser = errors.New("the request has no user")

// visible returns the versions that the sender may read: it may list revisions where they are
// shown, and has the right verb for their objects.
func (r *rights) visible(ctx context.Context, verb string, versions []*history.Version) ([]*history.Version, error) {
	who, ok := request.UserFrom(ctx)
	if !ok {
		return nil, errNoUser
	}
	listing := access.Question{Verb: "list", Group: records.GroupName, Version: v1alpha1.SchemeGroupVersion.Version, Resource: "revisions"}
	questions := map[history.Resource]*access.Question{}
	for _, v := range versions {
		kind, known := r.kinds[v.Resource]
		if !known {
			continue
		}
		q := questions[v.Resource]
		if q == nil {
			q = &access.Question{Verb: verb, Group: v.Group, Version: kind.GroupVersion.Version, Resource: v.Resource.Resource, Names: map[string][]string{}}
			questions[v.Resource] = q
		}
		if names := q.Names[v.Namespace]; !slices.Contains(names, v.Name) {
			q.Names[v.Namespace] = append(names, v.Name)
		}
		if shown := r.kinds.namespaceOf(v.Ref()); !slices.Contains(listing.Namespaces, shown) {
			listing.Namespaces = append(listing.Namespaces, shown)
		}
	}
	if len(questions) == 0 {
		return nil, nil
	}
	lists, err := r.access.Ask(ctx, who, listing)
	if err != nil {
		return nil, fmt.Errorf("find out which revisions may be seen: %w", err)
	}
	answers := map[history.Resource]*access.Answer{}
	for resource, q := range questions {
		if answers[resource], err = r.access.Ask(ctx, who, *q); err != nil {
			return nil, fmt.Errorf("find out which revisions may be seen: %w", err)
		}
	}
	var seen []*history.Version
	for _, v := range versions {
		if answer := answers[v.Resource]; answer != nil && answer.Allows(v.Namespace, v.Name) && lists.Allows(r.kinds.namespaceOf(v.Ref()), "") {
			seen = append(seen, v)
		}
	}
	return seen, nil
}

// mayList reports whether the sender may list revisions in a namespace, or with "" in all.
func (r *rights) mayList(ctx context.Context, namespace string) (bool, error) {
	who, ok := request.UserFrom(ctx)
	if !ok {
		return false, errNoUser
	}
	q := access.Question{Verb: "list", Group: records.GroupName, Version: v1alpha1.SchemeGroupVersion.Version, Resource: "revisions"}
	if namespace != "" {
		q.Namespaces = []string{namespace}
	}
	answer, err := r.access.Ask(ctx, who, q)
	if err != nil {
		return false, fmt.Errorf("find out whether revisions may be seen: %w", err)
	}
	return answer.All() || namespace != "" && answer.Allows(namespace, ""), nil
}

// sees reports whether the sender has the right verb for an object, and may list its revisions.
func (r *rights) sees(ctx context.Context, verb string, ref history.Ref) (bool, error) {
	seen, err := r.visible(ctx, verb, []*history.Version{{Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name}})
	return len(seen) > 0, err
}

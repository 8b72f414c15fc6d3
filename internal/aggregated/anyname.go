package aggregated

import (
	"context"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// anyName returns an authorizer that asks the cluster about a right to all objects of a resource
// before it asks about the one that a request names, so that a question is the same for every
// object: kube-apiserver would else get a review or more for each Query, and, while it does not
// answer, none of those that are new could go on.
//
// What it asks about is a name that no object has and no rule can list. RBAC allows that only by a
// rule without resourceNames, which is a rule for every name. A cluster with an authorization
// webhook that forbids single names must not use it (Options.ReviewNames).
func anyName(cluster authorizer.Authorizer) authorizer.Authorizer {
	name := "any." + string(uuid.NewUUID())
	return authorizer.AuthorizerFunc(func(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.IsResourceRequest() && a.GetName() != "" {
			decision, reason, err := cluster.Authorize(ctx, renamed{a, name})
			if err == nil && decision == authorizer.DecisionAllow {
				return decision, reason, nil
			}
		}
		return cluster.Authorize(ctx, a)
	})
}

// renamed are attributes with another name.
type renamed struct {
	authorizer.Attributes
	name string
}

// GetName implements authorizer.Attributes.
func (r renamed) GetName() string { return r.name }

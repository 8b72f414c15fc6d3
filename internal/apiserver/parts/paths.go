package parts

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Paths are those of a part of the process that has an HTTP API of its own.
type Paths struct {
	// Prefixes begin them. Every user who is authenticated may use them: the part decides what they
	// may do there, and makes its requests of the API as them.
	Prefixes []string
	// Bound reports whether a user may use these paths and nothing else; nil applies to no user.
	Bound func(user.Info) bool
}

// WithPaths returns an authorizer that lets users use some paths, and leaves the rest to another.
func WithPaths(next authorizer.Authorizer, paths []Paths) authorizer.Authorizer {
	if len(paths) == 0 {
		return next
	}
	return pathed{next, paths}
}

// pathed embeds no authorizer: a way to ask that is not written here would go past the paths.
type pathed struct {
	next  authorizer.Authorizer
	paths []Paths
}

const pathReason = "the path decides itself"

// Authorize implements authorizer.Authorizer.
func (p pathed) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if decision := p.decide(a); decision != authorizer.DecisionNoOpinion {
		return decision, pathReason, nil
	}
	return p.next.Authorize(ctx, a)
}

// ConditionsAwareAuthorize implements authorizer.Authorizer. Paths have no conditions.
func (p pathed) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	if decision := p.decide(a); decision != authorizer.DecisionNoOpinion {
		return authorizer.ConditionsAwareDecisionFromParts(decision, pathReason, nil)
	}
	return p.next.ConditionsAwareAuthorize(ctx, a)
}

// EvaluateConditions implements authorizer.Authorizer: all conditions come from the other one.
func (p pathed) EvaluateConditions(ctx context.Context, decision authorizer.ConditionsAwareDecision, data authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return p.next.EvaluateConditions(ctx, decision, data)
}

// pathVerbs are those of requests themselves. Acting as somebody else on a path has verbs of its
// own, which are for roles to grant.
var pathVerbs = []string{"get", "head", "post", "put", "patch", "delete", "options"}

// decide allows users their paths, and denies those who are bound to some paths all others.
func (p pathed) decide(a authorizer.Attributes) authorizer.Decision {
	who := a.GetUser()
	if who == nil {
		return authorizer.DecisionNoOpinion
	}
	bound := false
	for _, one := range p.paths {
		bound = bound || one.Bound != nil && one.Bound(who)
		inside := !a.IsResourceRequest() && slices.ContainsFunc(one.Prefixes, func(prefix string) bool { return strings.HasPrefix(a.GetPath(), prefix) })
		if inside && slices.Contains(pathVerbs, a.GetVerb()) && slices.Contains(who.GetGroups(), user.AllAuthenticated) {
			return authorizer.DecisionAllow
		}
	}
	if bound {
		return authorizer.DecisionDeny
	}
	return authorizer.DecisionNoOpinion
}

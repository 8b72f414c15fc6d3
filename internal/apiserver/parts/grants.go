package parts

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Grant lets a user that is a part of the process do what some rules say, in all namespaces. It is
// no object, so that nobody can take it away by accident. It is for requests that the part makes in
// the process: neither a token nor a certificate of a user with its name has it, nor who
// impersonates that user.
type Grant struct {
	User  string
	Rules []rbacv1.PolicyRule
}

// Own are rights that one request of a part has beside those of its user, because the part has
// checked another right of theirs. It is in the request's context, under OwnKey, where nothing that
// a client sends can put it.
type Own struct {
	User, Namespace string
	Rules           []rbacv1.PolicyRule
}

type ownKey struct{}

// OwnKey is the context key of an Own.
func OwnKey() any { return ownKey{} }

// allows reports whether the rights of a request are for what is asked.
func (o Own) allows(a authorizer.Attributes) bool {
	return o.User == a.GetUser().GetName() && o.Namespace == a.GetNamespace() &&
		slices.ContainsFunc(o.Rules, func(r rbacv1.PolicyRule) bool { return allows(r, a) })
}

// Caller returns the part of the process that makes the request with a context, or nil:
// inprocess.Transport.Caller is one.
type Caller func(context.Context) user.Info

// WithGrants returns an authorizer that allows what grants say, and leaves the rest to another.
func WithGrants(next authorizer.Authorizer, grants []Grant, caller Caller) authorizer.Authorizer {
	if len(grants) == 0 {
		return next
	}
	return granting{next, grants, caller}
}

// granting embeds no authorizer: a way to ask that is not written here would go past the grants.
type granting struct {
	next   authorizer.Authorizer
	grants []Grant
	caller Caller
}

const grantedReason = "a part of the server"

// Authorize implements authorizer.Authorizer.
func (g granting) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if g.granted(ctx, a) {
		return authorizer.DecisionAllow, grantedReason, nil
	}
	return g.next.Authorize(ctx, a)
}

// ConditionsAwareAuthorize implements authorizer.Authorizer. Grants have no conditions.
func (g granting) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	if g.granted(ctx, a) {
		return authorizer.ConditionsAwareDecisionFromParts(authorizer.DecisionAllow, grantedReason, nil)
	}
	return g.next.ConditionsAwareAuthorize(ctx, a)
}

// EvaluateConditions implements authorizer.Authorizer: all conditions come from the other one.
func (g granting) EvaluateConditions(ctx context.Context, decision authorizer.ConditionsAwareDecision, data authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return g.next.EvaluateConditions(ctx, decision, data)
}

// granted reports whether a grant is for a request.
func (g granting) granted(ctx context.Context, a authorizer.Attributes) bool {
	if a.GetUser() == nil {
		return false
	}
	if own, ok := ctx.Value(ownKey{}).(Own); ok && own.allows(a) {
		return true
	}
	by := g.caller(ctx)
	if by == nil || by.GetName() != a.GetUser().GetName() {
		return false // it has come over a socket, or the part acts as somebody else
	}
	return slices.ContainsFunc(g.grants, func(grant Grant) bool {
		return grant.User == by.GetName() && slices.ContainsFunc(grant.Rules, func(r rbacv1.PolicyRule) bool { return allows(r, a) })
	})
}

// allows reports whether a rule without wildcards is for a request.
func allows(r rbacv1.PolicyRule, a authorizer.Attributes) bool {
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	return a.IsResourceRequest() && slices.Contains(r.Verbs, a.GetVerb()) &&
		slices.Contains(r.APIGroups, a.GetAPIGroup()) && slices.Contains(r.Resources, resource) &&
		(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, a.GetName()))
}

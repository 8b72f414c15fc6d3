package access

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Rules finds what roles grant. It must be complete: a right that it does not find must be none, or
// be seen by the authorizer in all namespaces at once, as that of system:masters.
type Rules interface {
	// VisitRules calls visit with the rules that the bindings of a namespace give a user; with those
	// of cluster-wide bindings if the namespace is "". A binding to a role that does not exist gives
	// none. What cannot be read is an error. The rules must not be changed.
	VisitRules(ctx context.Context, who user.Info, namespace string, visit func(*rbacv1.PolicyRule)) error
}

// byRules answers from rules. The authorizer has refused all namespaces.
func (s *asker) byRules(ctx context.Context) (*Answer, error) {
	everywhere, err := s.granted(ctx, "")
	if err != nil {
		return nil, err
	}
	if everywhere.whole {
		// The right is new, or an authorizer denies what roles grant, and so the rules are not all.
		all, err := s.may(ctx, target{})
		if err != nil || all {
			return &Answer{all: all}, err
		}
		return s.byReviews(ctx)
	}
	a := &Answer{everywhere: everywhere.names, namespaces: s.question.scopes(), complete: true}
	for namespace := range a.namespaces {
		if namespace == "" {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if a.namespaces[namespace], err = s.granted(ctx, namespace); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// granted returns what the bindings of one namespace, or the cluster-wide ones, grant.
func (s *asker) granted(ctx context.Context, namespace string) (scope, error) {
	var found scope
	err := s.options.Rules.VisitRules(ctx, s.who, namespace, func(rule *rbacv1.PolicyRule) {
		switch {
		case found.whole || !s.question.grantedBy(rule):
		case len(rule.ResourceNames) == 0:
			found = scope{whole: true}
		default:
			for _, name := range rule.ResourceNames {
				if found.names == nil {
					found.names = map[string]bool{}
				}
				found.names[name] = true
			}
		}
	})
	return found, err
}

// grantedBy reports whether a rule grants what is asked for, for some name at least.
func (q Question) grantedBy(rule *rbacv1.PolicyRule) bool {
	return has(rule.Verbs, q.Verb, rbacv1.VerbAll) && has(rule.APIGroups, q.Group, rbacv1.APIGroupAll) && slices.ContainsFunc(rule.Resources, q.isOf)
}

func has(list []string, one, all string) bool {
	return slices.Contains(list, one) || slices.Contains(list, all)
}

// isOf reports whether a rule's resource is the one that is asked for: *, resource,
// resource/subresource or */subresource.
func (q Question) isOf(resource string) bool {
	if resource == rbacv1.ResourceAll {
		return true
	}
	main, sub, _ := strings.Cut(resource, "/")
	return sub == q.Subresource && (main == q.Resource || main == rbacv1.ResourceAll && sub != "")
}

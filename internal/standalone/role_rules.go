package standalone

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/kubernetes/pkg/registry/rbac/validation"

	"github.com/mckinsey/ark-server/internal/access"
)

// RoleRules finds what roles grant, by the same resolver as the stock RBAC authorizer, for answers
// about many namespaces at once: cluster-wide bindings are looked through once, not once for each
// namespace. It reads what its getters and listers have at that moment, so a change counts as soon
// as they have it.
type RoleRules struct {
	clusterWide, inNamespace validation.AuthorizationRuleResolver
}

var _ access.Rules = RoleRules{}

// NewRoleRules returns the rules of some roles and bindings.
func NewRoleRules(roles validation.RoleGetter, bindings validation.RoleBindingLister, clusterRoles validation.ClusterRoleGetter, clusterBindings validation.ClusterRoleBindingLister) RoleRules {
	return RoleRules{
		clusterWide: validation.NewDefaultRuleResolver(roles, bindings, clusterRoles, clusterBindings),
		inNamespace: validation.NewDefaultRuleResolver(roles, bindings, clusterRoles, noClusterRoleBindings{}),
	}
}

// VisitRules implements access.Rules.
func (r RoleRules) VisitRules(ctx context.Context, who user.Info, namespace string, visit func(*rbacv1.PolicyRule)) error {
	from := r.inNamespace
	if namespace == "" {
		from = r.clusterWide
	}
	var errs []error
	from.VisitRulesFor(ctx, who, namespace, func(_ fmt.Stringer, rule *rbacv1.PolicyRule, err error) bool {
		if rule != nil {
			visit(rule)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
		return true
	})
	return errors.Join(errs...)
}

type noClusterRoleBindings struct{}

func (noClusterRoleBindings) ListClusterRoleBindings(context.Context) ([]*rbacv1.ClusterRoleBinding, error) {
	return nil, nil
}

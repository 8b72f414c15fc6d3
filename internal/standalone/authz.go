package standalone

import (
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/client-go/informers"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install" // registers the group's versions
	rbacrest "k8s.io/kubernetes/pkg/registry/rbac/rest"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
)

// publicPaths may be read by anybody: probes and clients ask them before they
// have credentials.
var publicPaths = []string{
	"/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*", "/version", "/version/",
}

// rights are what roles and bindings grant, as the informers have them: a change counts as soon as
// they have seen it.
type rights struct {
	roles *rbac.RBACAuthorizer
	rules RoleRules
}

func newRights(informers informers.SharedInformerFactory) rights {
	known := informers.Rbac().V1()
	roles := &rbac.RoleGetter{Lister: known.Roles().Lister()}
	bindings := &rbac.RoleBindingLister{Lister: known.RoleBindings().Lister()}
	clusterRoles := &rbac.ClusterRoleGetter{Lister: known.ClusterRoles().Lister()}
	clusterBindings := &rbac.ClusterRoleBindingLister{Lister: known.ClusterRoleBindings().Lister()}
	return rights{
		roles: rbac.New(roles, bindings, clusterRoles, clusterBindings),
		rules: NewRoleRules(roles, bindings, clusterRoles, clusterBindings),
	}
}

// authorizer says who may do what, in upstream's order: the group system:masters everything
// (the server's own clients are in it), everybody the public paths, everybody what roles grant. Who
// is not allowed by any of them is refused.
func (r rights) authorizer(allowed []string) (authorizer.Authorizer, error) {
	public, err := path.NewAuthorizer(publicPaths)
	if err != nil {
		return nil, fmt.Errorf("allow the public paths: %w", err)
	}
	// Only to be read: acting as somebody else on these paths (impersonate-on:user-info:get) is for
	// roles to grant.
	reading := authorizer.AuthorizerFunc(func(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetVerb() != "get" && a.GetVerb() != "head" {
			return authorizer.DecisionNoOpinion, "", nil
		}
		return public.Authorize(ctx, a)
	})
	// Summaries count what their caller may list, and nothing else.
	summing := authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.IsResourceRequest() && a.GetAPIGroup() == "records.ark.mckinsey.com" && a.GetResource() == "summaries" && a.GetSubresource() == "" && a.GetVerb() == "create" &&
			a.GetUser() != nil && slices.Contains(a.GetUser().GetGroups(), user.AllAuthenticated) {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
	all, err := union.New(
		union.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(append([]string{user.SystemPrivilegedGroup}, allowed...)...)},
		union.NamedAuthorizer{AuthorizerName: "public-paths", Authorizer: reading},
		union.NamedAuthorizer{AuthorizerName: "summaries", Authorizer: summing},
		union.NamedAuthorizer{AuthorizerName: "rbac", Authorizer: r.roles},
	)
	if err != nil {
		return nil, fmt.Errorf("combine the authorizers: %w", err)
	}
	return all, nil
}

// newRoles is the group rbac.authorization.k8s.io: nobody can grant more than they have, unless
// they may escalate or bind.
func newRoles(authorizer authorizer.Authorizer, options generic.RESTOptionsGetter) (apiGroup, error) {
	return newGroup(rbacrest.RESTStorageProvider{Authorizer: authorizer}, rbacv1.SchemeGroupVersion, options)
}

package standalone

import (
	"context"
	"crypto/x509/pkix"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/registry"
)

// acting returns the API as somebody sees it whom the admin impersonates.
func (r *running) acting(t *testing.T, name string, groups ...string) clientset.Interface {
	t.Helper()
	config := rest.CopyConfig(r.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	client, err := clientset.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// soon waits for a condition as eventually does.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	eventually(t, what, func(context.Context) (bool, error) { return holds(), nil })
}

// grant makes a role in a namespace and binds it to a user.
func (r *running) grant(t *testing.T, namespace, name, to string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	if _, err := r.core.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.bind(t, namespace, name, "Role", name, to)
}

func (r *running) bind(t *testing.T, namespace, name, kind, role, to string) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: to}},
	}
	if _, err := r.core.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func may(t *testing.T, who clientset.Interface, attributes authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review, err := who.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &attributes},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// TestDefaultRoles: upstream's default roles are there with Ark's, view, edit and admin have Ark's
// kinds in them, and what somebody takes away from a default role comes back with the next start.
func TestDefaultRoles(t *testing.T) {
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		r := start(t, dir)
		for _, want := range slices.Concat(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()) {
			if _, err := r.core.RbacV1().ClusterRoles().Get(t.Context(), want.Name, metav1.GetOptions{}); err != nil {
				t.Error(err)
			}
		}
		for _, want := range slices.Concat(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()) {
			if _, err := r.core.RbacV1().ClusterRoleBindings().Get(t.Context(), want.Name, metav1.GetOptions{}); err != nil {
				t.Error(err)
			}
		}
		for namespace, roles := range bootstrappolicy.NamespaceRoles() {
			for _, want := range roles {
				if _, err := r.core.RbacV1().Roles(namespace).Get(t.Context(), want.Name, metav1.GetOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
		for _, role := range []string{"view", "edit", "admin"} {
			r.bind(t, "default", role, "ClusterRole", role, role+"er")
		}
		soon(t, "the roles are aggregated", func() bool {
			return may(t, r.acting(t, "adminer"), authorizationv1.ResourceAttributes{Namespace: "default", Group: "ark.mckinsey.com", Resource: "agents", Verb: "create"}) &&
				may(t, r.acting(t, "editer"), authorizationv1.ResourceAttributes{Namespace: "default", Group: "ark.mckinsey.com", Resource: "agents", Verb: "create"}) &&
				may(t, r.acting(t, "viewer"), authorizationv1.ResourceAttributes{Namespace: "default", Group: "ark.mckinsey.com", Resource: "agents", Verb: "list"})
		})
		for _, kind := range registry.Kinds() {
			asked := func(verb string) authorizationv1.ResourceAttributes {
				return authorizationv1.ResourceAttributes{Namespace: "default", Group: "ark.mckinsey.com", Resource: kind.Plural, Verb: verb}
			}
			if got, want := may(t, r.acting(t, "viewer"), asked("get")), withoutKeys[kind.Plural]; got != want {
				t.Errorf("view lets get %s: %t, want %t", kind.Plural, got, want)
			}
			if may(t, r.acting(t, "viewer"), asked("update")) {
				t.Errorf("view lets update %s", kind.Plural)
			}
			for _, who := range []string{"editer", "adminer"} {
				if !may(t, r.acting(t, who), asked("get")) {
					t.Errorf("%s may not get %s", who, kind.Plural)
				}
				if got := may(t, r.acting(t, who), asked("deletecollection")); got == kind.ClusterScoped {
					t.Errorf("%s may delete %s: %t", who, kind.Plural, got)
				}
			}
		}
		role, err := r.core.RbacV1().ClusterRoles().Get(t.Context(), arkViewer, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{"example.com"}, Resources: []string{"extras"}, Verbs: []string{"get"}}}
		if _, err := r.core.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("second", func(t *testing.T) {
		r := start(t, dir)
		role, err := r.core.RbacV1().ClusterRoles().Get(t.Context(), arkViewer, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		has := func(resource string) bool {
			return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, resource) })
		}
		if !has("extras") || !has("queries") {
			t.Errorf("rules %v, want those that were added and those of the role", role.Rules)
		}
	})
}

// TestEscalation: nobody grants what they do not have, or binds a role with more, unless they may
// escalate or bind.
func TestEscalation(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	roles := rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"create"}}
	agents := rbacv1.PolicyRule{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents"}, Verbs: []string{"get"}}
	models := rbacv1.PolicyRule{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"models"}, Verbs: []string{"get"}}
	r.grant(t, "default", "manager", "alice", roles, agents)
	alice := r.acting(t, "alice")
	create := func(name string, rule rbacv1.PolicyRule) error {
		_, err := alice.RbacV1().Roles("default").Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}, metav1.CreateOptions{})
		return err
	}
	soon(t, "alice may make roles", func() bool {
		return may(t, alice, authorizationv1.ResourceAttributes{Namespace: "default", Group: rbacv1.GroupName, Resource: "roles", Verb: "create"})
	})
	if err := create("same", agents); err != nil {
		t.Errorf("a role with her own rights: %v", err)
	}
	if err := create("more", models); !apierrors.IsForbidden(err) {
		t.Errorf("a role with more rights: %v, want 403", err)
	}
	bind := func() error {
		_, err := alice.RbacV1().RoleBindings("default").Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "mine"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "alice"}},
		}, metav1.CreateOptions{})
		return err
	}
	if err := bind(); !apierrors.IsForbidden(err) {
		t.Errorf("a binding to cluster-admin: %v, want 403", err)
	}
	r.grant(t, "default", "escalator", "alice", rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles"}, Verbs: []string{"escalate"}})
	soon(t, "alice may escalate", func() bool { return create("more", models) == nil })
	bound := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "binder"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"cluster-admin"}, Verbs: []string{"bind"},
	}}}
	if _, err := r.core.RbacV1().ClusterRoles().Create(ctx, bound, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.bind(t, "default", "binder", "ClusterRole", "binder", "alice")
	soon(t, "alice may bind cluster-admin", func() bool { return bind() == nil })
}

// TestReviews: who somebody is and what somebody may do can be asked.
func TestReviews(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	r.grant(t, "default", "reader", "alice", rbacv1.PolicyRule{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents"}, ResourceNames: []string{"one"}, Verbs: []string{"get"}})
	alice := r.acting(t, "alice", "team", user.AllAuthenticated)
	agent := authorizationv1.ResourceAttributes{Namespace: "default", Group: "ark.mckinsey.com", Resource: "agents", Name: "one", Verb: "get"}
	soon(t, "alice may get an agent", func() bool { return may(t, alice, agent) })
	agent.Name = "two"
	if may(t, alice, agent) {
		t.Error("alice may get another agent")
	}
	who, err := alice.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || who.Status.UserInfo.Username != "alice" || !slices.Contains(who.Status.UserInfo.Groups, "team") {
		t.Errorf("%v, %v", who, err)
	}
	rules, err := alice.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "default"},
	}, metav1.CreateOptions{})
	if err != nil || !slices.ContainsFunc(rules.Status.ResourceRules, func(r authorizationv1.ResourceRule) bool {
		return slices.Contains(r.Resources, "agents") && slices.Contains(r.ResourceNames, "one")
	}) {
		t.Errorf("%v, %v", rules, err)
	}
	if _, err := alice.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{}, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("alice asks about others: %v, want 403", err)
	}
	agent.Name = "one"
	about, err := r.core.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: "alice", ResourceAttributes: &agent},
	}, metav1.CreateOptions{})
	if err != nil || !about.Status.Allowed {
		t.Errorf("%v, %v", about, err)
	}
	local, err := r.core.AuthorizationV1().LocalSubjectAccessReviews("default").Create(ctx, &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default"},
		Spec:       authorizationv1.SubjectAccessReviewSpec{User: "bob", ResourceAttributes: &agent},
	}, metav1.CreateOptions{})
	if err != nil || local.Status.Allowed {
		t.Errorf("%v, %v", local, err)
	}
	for token, want := range map[string]string{r.config.BearerToken: AdminUser, "wrong": ""} {
		review, err := r.core.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
		if err != nil || review.Status.User.Username != want || review.Status.Authenticated != (want != "") {
			t.Errorf("%v, %v", review.Status, err)
		}
	}
}

// TestRightsCountForRows: answers about rows follow roles and bindings.
func TestRightsCountForRows(t *testing.T) {
	r := start(t, t.TempDir())
	alice := &user.DefaultInfo{Name: "alice", Groups: []string{user.AllAuthenticated}}
	ask := func(name string) bool {
		t.Helper()
		answer, err := r.server.Access.Ask(context.Background(), alice, access.Question{
			Verb: "get", Group: "ark.mckinsey.com", Resource: "agents", Namespaces: []string{"default"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Allows("default", name)
	}
	if ask("one") {
		t.Error("alice may get an agent without a role")
	}
	r.grant(t, "default", "reader", "alice", rbacv1.PolicyRule{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents"}, ResourceNames: []string{"one"}, Verbs: []string{"get"}})
	soon(t, "the right counts", func() bool { return ask("one") && !ask("two") })
	if err := r.core.RbacV1().RoleBindings("default").Delete(t.Context(), "reader", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	soon(t, "the right is gone", func() bool { return !ask("one") })
}

// TestCertificateUsersAreBound: a user of a client certificate has the rights of the name in it,
// and of its groups.
func TestCertificateUsersAreBound(t *testing.T) {
	r := start(t, t.TempDir())
	bob, err := clientset.NewForConfig(withCertificate(t, r, rest.AnonymousClientConfig(r.config), pkix.Name{CommonName: "bob"}))
	if err != nil {
		t.Fatal(err)
	}
	list := func() error {
		_, err := bob.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		return err
	}
	if err := list(); !apierrors.IsForbidden(err) {
		t.Errorf("%v, want 403", err)
	}
	r.bind(t, "default", "bob", "ClusterRole", "view", "bob")
	soon(t, "bob may list", func() bool { return list() == nil })
}

// TestChartsViewIsOurs: in a cluster, view shows the same kinds.
func TestChartsViewIsOurs(t *testing.T) {
	text, err := os.ReadFile("../../deploy/helm/ark-server/templates/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var viewed []string
	for _, kind := range registry.Kinds() {
		if withoutKeys[kind.Plural] {
			viewed = append(viewed, strconv.Quote(kind.Plural))
		}
	}
	slices.Sort(viewed)
	if want := "list " + strings.Join(viewed, " "); !strings.Contains(string(text), want) {
		t.Errorf("the chart's role for view has no %q", want)
	}
}

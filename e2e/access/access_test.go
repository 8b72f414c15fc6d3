package access

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/aggregated"
)

const (
	patience = time.Minute
	users    = 1000
	// workers are users who are asked about at a time.
	workers = 8
	seed    = 2026
	group   = "ark.mckinsey.com"
)

var (
	agents    = access.Question{Verb: "list", Group: group, Resource: "agents"}
	questions = []access.Question{
		agents,
		{Verb: "get", Group: group, Resource: "models"},
		{Verb: "create", Group: group, Resource: "agents", Subresource: "proxy"},
		{Verb: "get", Resource: "secrets"},
	}
	names = []string{"one", "two", "three", "four"}
)

// env is a cluster with roles in it.
type env struct {
	cluster    *component.Cluster
	client     kubernetes.Interface
	resolver   *access.Resolver
	namespaces []string
}

func TestAccess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cluster, err := component.StartCluster(ctx, component.ClusterOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Kill)
	config := rest.CopyConfig(cluster.Config)
	config.QPS = -1
	e := &env{cluster: cluster, client: kubernetes.NewForConfigOrDie(config), resolver: newAccess(t, cluster)}
	random := rand.New(rand.NewPCG(seed, 0))
	e.makeRoles(t, random)
	t.Run("a thousand users", func(t *testing.T) { e.thousandUsers(t, random) })
	t.Run("a thousand namespaces", e.thousandNamespaces)
	t.Run("aggregated roles", e.aggregatedRoles)
	t.Run("changes", e.changes)
	t.Run("without the cluster", e.withoutCluster)
}

func newAccess(t *testing.T, cluster *component.Cluster) *access.Resolver {
	t.Helper()
	resolver, err := aggregated.NewAccess(cluster.Config, time.Minute, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return resolver
}

func one[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

func rules(random *rand.Rand) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for range 1 + random.IntN(3) {
		rule := rbacv1.PolicyRule{
			Verbs:     one(random, []string{"get", "list"}, []string{"list"}, []string{"*"}, []string{"create"}),
			APIGroups: one(random, []string{group}, []string{group}, []string{"*"}, []string{""}),
			Resources: one(random, []string{"agents"}, []string{"agents", "models"}, []string{"*"}, []string{"agents/proxy"}, []string{"*/proxy"}, []string{"models"}),
		}
		for range random.IntN(3) {
			rule.ResourceNames = append(rule.ResourceNames, one(random, names...))
		}
		rules = append(rules, rule)
	}
	return rules
}

func subjects(random *rand.Rand, namespaces []string) []rbacv1.Subject {
	var all []rbacv1.Subject
	for range 1 + random.IntN(5) {
		switch random.IntN(12) {
		case 0:
			all = append(all, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: fmt.Sprint("team-", random.IntN(40))})
		case 1:
			all = append(all, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: fmt.Sprint("robot-", random.IntN(3)), Namespace: one(random, namespaces...)})
		case 2:
			all = append(all, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts:" + one(random, namespaces...)})
		default:
			all = append(all, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: fmt.Sprint("user-", random.IntN(users))})
		}
	}
	return all
}

// makeRoles makes namespaces, roles and bindings, and returns when they count.
func (e *env) makeRoles(t *testing.T, random *rand.Rand) {
	ctx := t.Context()
	rbac := e.client.RbacV1()
	var making errgroup.Group
	making.SetLimit(workers)
	for i := range 10 {
		e.namespaces = append(e.namespaces, fmt.Sprint("team-", i))
	}
	for _, namespace := range e.namespaces {
		making.Go(func() error {
			_, err := e.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
			return err
		})
	}
	if err := making.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("wide-", i)}, Rules: rules(random)}
		making.Go(func() error {
			_, err := rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
			return err
		})
		if i%2 == 0 {
			binding := &rbacv1.ClusterRoleBinding{ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}, Subjects: subjects(random, e.namespaces)}
			making.Go(func() error {
				_, err := rbac.ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
				return err
			})
		}
	}
	for _, namespace := range e.namespaces {
		for i := range 6 {
			role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("narrow-", i), Namespace: namespace}, Rules: rules(random)}
			making.Go(func() error {
				_, err := rbac.Roles(namespace).Create(ctx, role, metav1.CreateOptions{})
				return err
			})
		}
		for i := range 50 {
			ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: fmt.Sprint("narrow-", random.IntN(8))} // some do not exist
			if random.IntN(2) == 0 {
				ref.Kind, ref.Name = "ClusterRole", fmt.Sprint("wide-", random.IntN(30))
			}
			binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("b-", i), Namespace: namespace}, RoleRef: ref, Subjects: subjects(random, e.namespaces)}
			making.Go(func() error {
				_, err := rbac.RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{})
				return err
			})
		}
	}
	if err := making.Wait(); err != nil {
		t.Fatal(err)
	}
	// The authorizer sees what was written before, of each kind, once it sees what was written last.
	for _, namespaced := range []bool{true, false} {
		who := &user.DefaultInfo{Name: fmt.Sprint("last-", namespaced)}
		e.bind(t, "last", who.Name, e.namespaces[0], namespaced)
		e.await(t, who, agents, e.namespaces[0], true)
	}
}

// bind gives a user the right to list agents in a namespace, by objects of a kind each.
func (e *env) bind(t *testing.T, name, to, namespace string, namespaced bool) {
	t.Helper()
	ctx := t.Context()
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	rule := []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{group}, Resources: []string{"agents"}}}
	who := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: to}}
	var err error
	if namespaced {
		if _, err = e.client.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rule}, metav1.CreateOptions{}); err == nil {
			_, err = e.client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: who}, metav1.CreateOptions{})
		}
	} else {
		meta.Namespace = ""
		if _, err = e.client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rule}, metav1.CreateOptions{}); err == nil {
			_, err = e.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: who}, metav1.CreateOptions{})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// await returns when the cluster itself says so of a user.
func (e *env) await(t *testing.T, who user.Info, q access.Question, namespace string, want bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		allowed, err := e.review(ctx, who, q, namespace, "")
		return allowed == want, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// review asks the cluster about one row.
func (e *env) review(ctx context.Context, who user.Info, q access.Question, namespace, name string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range who.GetExtra() {
		extra[key] = values
	}
	answer, err := e.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups(), Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: q.Verb, Group: q.Group, Resource: q.Resource, Subresource: q.Subresource, Namespace: namespace, Name: name},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// person is one of the thousand.
func person(i int, random *rand.Rand, namespaces []string) user.Info {
	groups := []string{user.AllAuthenticated, fmt.Sprint("team-", i%40)}
	switch {
	case i%100 == 50:
		return &user.DefaultInfo{Name: fmt.Sprint("root-", i), Groups: append(groups, user.SystemPrivilegedGroup)}
	case i%10 == 0:
		return serviceaccount.UserInfo(one(random, namespaces...), fmt.Sprint("robot-", i%3), "")
	}
	return &user.DefaultInfo{Name: fmt.Sprint("user-", i), UID: fmt.Sprint(i), Groups: groups, Extra: map[string][]string{"scopes": {"a", "b"}}}
}

// thousandUsers asks in bulk, and then about each row.
func (e *env) thousandUsers(t *testing.T, random *rand.Rand) {
	var all errgroup.Group
	all.SetLimit(workers)
	var rows, allowed, whole, single, masters atomic.Int64
	for i := range users {
		who, q := person(i, random, e.namespaces), one(random, questions...)
		order := random.Perm(len(e.namespaces))[:3]
		q.Names = map[string][]string{}
		for _, n := range order {
			q.Namespaces = append(q.Namespaces, e.namespaces[n])
		}
		q.Names[q.Namespaces[0]] = names[:2]
		q.Names[q.Namespaces[1]] = names[2:]
		all.Go(func() error {
			answer, err := e.resolver.Ask(t.Context(), who, q)
			if err != nil {
				return err
			}
			for namespace, asked := range q.Names {
				for _, name := range append(slices.Clone(asked), "another") {
					want, err := e.review(t.Context(), who, q, namespace, name)
					if err != nil {
						return err
					}
					got := answer.Decide(namespace, name)
					if got == access.Unknown && name == "another" {
						continue // it was not asked about
					}
					rows.Add(1)
					if want {
						allowed.Add(1)
					}
					if (got == access.Yes) != want || got == access.Unknown {
						t.Errorf("%s %v, %s, %s/%s: got %v, want %t", who.GetName(), who.GetGroups(), q, namespace, name, got, want)
					}
				}
			}
			if answer.All() {
				masters.Add(1)
			}
			whole.Add(int64(len(answer.Namespaces())))
			for _, names := range answer.Names() {
				single.Add(int64(len(names)))
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %d allowed; %d users may have all; %d namespaces as a whole, %d single names", rows.Load(), allowed.Load(), masters.Load(), whole.Load(), single.Load())
	if rows.Load() < 2000 || masters.Load() < 10 || whole.Load() < 50 || single.Load() < 20 {
		t.Error("the users are too much the same")
	}
}

// thousandNamespaces: for who may have all of them it is one question; for others, many at a time,
// and no more while the answers are kept.
func (e *env) thousandNamespaces(t *testing.T) {
	q := agents
	for i := range 1000 {
		q.Namespaces = append(q.Namespaces, fmt.Sprint("ns-", i))
	}
	e.bind(t, "everything", "eve", "", false)
	e.await(t, &user.DefaultInfo{Name: "eve"}, agents, "", true)
	for _, c := range []struct {
		who string
		all bool
	}{{"eve", true}, {"nobody", false}, {"nobody", false}} {
		begin := time.Now()
		answer, err := e.resolver.Ask(t.Context(), &user.DefaultInfo{Name: c.who}, q)
		if err != nil || answer.All() != c.all || len(answer.Namespaces()) != 0 {
			t.Fatalf("got %+v, %v", answer, err)
		}
		t.Logf("1,000 namespaces for %s: %s", c.who, time.Since(begin))
	}
}

// aggregatedRoles: a role that the cluster puts together of others.
func (e *env) aggregatedRoles(t *testing.T) {
	label := map[string]string{"part": "of-whole"}
	part := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "part", Labels: label}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{group}, Resources: []string{"agents"}}}}
	whole := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "whole"}, AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: label}}}}
	for _, role := range []*rbacv1.ClusterRole{part, whole} {
		if _, err := e.client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "whole", Namespace: e.namespaces[0]}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "whole"}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "ada"}}}
	if _, err := e.client.RbacV1().RoleBindings(e.namespaces[0]).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ada := &user.DefaultInfo{Name: "ada"}
	e.await(t, ada, agents, e.namespaces[0], true)
	q := agents
	q.Namespaces = e.namespaces
	answer, err := e.resolver.Ask(t.Context(), ada, q)
	if err != nil || !slices.Equal(answer.Namespaces(), e.namespaces[:1]) {
		t.Errorf("got %v, %v", answer.Namespaces(), err)
	}
}

// changes: a right that is given or taken away counts within access.MaxAge of when the cluster has
// it.
func (e *env) changes(t *testing.T) {
	q := agents
	q.Namespaces = e.namespaces[1:2]
	who := &user.DefaultInfo{Name: "changing"}
	allows := func() bool {
		answer, err := e.resolver.Ask(t.Context(), who, q)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Allows(q.Namespaces[0], "row")
	}
	// until measures how long the answer stays what it was.
	until := func(want bool) {
		begin := time.Now()
		for allows() != want {
			if time.Since(begin) > access.MaxAge+time.Second {
				t.Fatalf("after %s it is not yet %t", time.Since(begin), want)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("it became %t after %s", want, time.Since(begin))
	}
	if allows() {
		t.Fatal("the user has the right already")
	}
	e.bind(t, "changing", who.Name, q.Namespaces[0], true)
	e.await(t, who, agents, q.Namespaces[0], true)
	until(true)
	if err := e.client.RbacV1().RoleBindings(q.Namespaces[0]).Delete(t.Context(), "changing", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.await(t, who, agents, q.Namespaces[0], false)
	until(false)
}

// withoutCluster: when the cluster does not answer, what is not known is an error, and what is kept
// becomes one.
func (e *env) withoutCluster(t *testing.T) {
	eve, q := &user.DefaultInfo{Name: "eve"}, agents
	if answer, err := e.resolver.Ask(t.Context(), eve, q); err != nil || !answer.All() {
		t.Fatal(answer, err)
	}
	e.cluster.API.Kill()
	if answer, err := e.resolver.Ask(t.Context(), &user.DefaultInfo{Name: "unknown"}, q); err == nil {
		t.Errorf("got %+v", answer)
	}
	begin := time.Now()
	for time.Since(begin) < patience {
		answer, err := e.resolver.Ask(t.Context(), eve, q)
		if err != nil {
			t.Logf("after %s: %v", time.Since(begin), err)
			return
		}
		if !answer.All() {
			t.Fatal("the right became a refusal")
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the right is kept for ever")
}

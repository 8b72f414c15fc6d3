package standalone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"github.com/mckinsey/ark-server/internal/access"
)

// world is a set of roles and bindings, as informers keep them, with the stock authorizer and a
// resolver on it.
type world struct {
	*rand.Rand
	roles, bindings, clusterRoles, clusterBindings cache.Indexer
	namespaces, names                              []string

	authorizer authorizer.Authorizer
	resolver   *access.Resolver
}

func newWorld(t testing.TB, seed uint64, namespaces int) *world {
	t.Helper()
	index := func() cache.Indexer {
		return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), roles: index(), bindings: index(), clusterRoles: index(), clusterBindings: index()}
	for i := range namespaces {
		w.namespaces = append(w.namespaces, fmt.Sprint("ns-", i))
	}
	for i := range 5 {
		w.names = append(w.names, fmt.Sprint("name-", i))
	}
	roles := &rbac.RoleGetter{Lister: rbaclisters.NewRoleLister(w.roles)}
	bindings := &rbac.RoleBindingLister{Lister: rbaclisters.NewRoleBindingLister(w.bindings)}
	clusterRoles := &rbac.ClusterRoleGetter{Lister: rbaclisters.NewClusterRoleLister(w.clusterRoles)}
	clusterBindings := &rbac.ClusterRoleBindingLister{Lister: rbaclisters.NewClusterRoleBindingLister(w.clusterBindings)}
	var err error
	w.authorizer, err = union.New(
		union.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		union.NamedAuthorizer{AuthorizerName: "roles", Authorizer: rbac.New(roles, bindings, clusterRoles, clusterBindings)},
	)
	if err != nil {
		t.Fatal(err)
	}
	w.resolver, err = access.New(access.Options{Authorizer: w.authorizer, Rules: NewRoleRules(roles, bindings, clusterRoles, clusterBindings)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func one[T any](w *world, of ...T) T { return of[w.IntN(len(of))] }

// rules are up to three rules, wide and narrow.
func (w *world) rules() []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for range w.IntN(4) {
		rule := rbacv1.PolicyRule{
			Verbs:     one(w, []string{"get"}, []string{"list"}, []string{"get", "list"}, []string{"*"}, []string{"create"}, []string{"watch"}),
			APIGroups: one(w, []string{"ark.mckinsey.com"}, []string{"ark.mckinsey.com"}, []string{"*"}, []string{""}),
			Resources: one(w, []string{"agents"}, []string{"agents", "models"}, []string{"*"}, []string{"agents/proxy"}, []string{"*/proxy"}, []string{"models"}, []string{"agents/*"}, []string{"agents/status"}),
		}
		for range w.IntN(3) {
			rule.ResourceNames = append(rule.ResourceNames, one(w, w.names...))
		}
		if w.IntN(10) == 0 {
			rule = rbacv1.PolicyRule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}
		}
		rules = append(rules, rule)
	}
	return rules
}

// user is one of a thousand, in the groups that authentication gives, and some others.
func (w *world) user(i int) user.Info {
	groups := []string{user.AllAuthenticated, fmt.Sprint("team-", i%40)}
	if i%11 == 0 {
		groups = append(groups, "staff")
	}
	switch {
	case i%100 == 50:
		return &user.DefaultInfo{Name: fmt.Sprint("root-", i), Groups: append(groups, user.SystemPrivilegedGroup)}
	case i%10 == 0:
		return serviceaccount.UserInfo(one(w, w.namespaces...), fmt.Sprint("robot-", i%20), "")
	case i%97 == 0:
		return &user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}
	}
	return &user.DefaultInfo{Name: fmt.Sprint("user-", i), Groups: groups, Extra: map[string][]string{"a": {fmt.Sprint(i)}}}
}

func (w *world) subject() rbacv1.Subject {
	switch w.IntN(12) {
	case 0:
		return rbacv1.Subject{Kind: rbacv1.GroupKind, Name: fmt.Sprint("team-", w.IntN(40))}
	case 1:
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: fmt.Sprint("robot-", 10*w.IntN(2)), Namespace: one(w, append(w.namespaces, "")...)}
	case 2:
		return rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:" + one(w, w.namespaces...)}
	case 3:
		if w.IntN(100) == 0 {
			return rbacv1.Subject{Kind: rbacv1.GroupKind, Name: one(w, user.AllAuthenticated, "staff", user.AllUnauthenticated)}
		}
	}
	return rbacv1.Subject{Kind: rbacv1.UserKind, Name: fmt.Sprint("user-", w.IntN(1000))}
}

func (w *world) put(t testing.TB, into cache.Indexer, object metav1.Object) {
	t.Helper()
	if err := into.Update(object); err != nil {
		t.Fatal(err)
	}
}

// change makes or replaces one object, or takes one away.
func (w *world) change(t testing.TB) {
	t.Helper()
	if w.IntN(4) == 0 {
		from := one(w, w.roles, w.bindings, w.clusterRoles, w.clusterBindings)
		keys := from.ListKeys()
		slices.Sort(keys)
		if len(keys) > 0 {
			object, _, err := from.GetByKey(one(w, keys...))
			if err == nil {
				err = from.Delete(object)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	namespace := one(w, w.namespaces...)
	meta := func(kind string, n int) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint(kind, w.IntN(n))}
	}
	roleRef := rbacv1.RoleRef{Kind: "ClusterRole", Name: fmt.Sprint("cluster-role-", w.IntN(60))}
	subjects := make([]rbacv1.Subject, 1+w.IntN(4))
	for i := range subjects {
		subjects[i] = w.subject()
	}
	switch w.IntN(10) {
	case 0:
		object := &rbacv1.ClusterRole{ObjectMeta: meta("cluster-role-", 60), Rules: w.rules()}
		object.Namespace = ""
		w.put(t, w.clusterRoles, object)
	case 1:
		object := &rbacv1.ClusterRoleBinding{ObjectMeta: meta("cluster-binding-", 100), RoleRef: roleRef, Subjects: subjects}
		object.Namespace = ""
		w.put(t, w.clusterBindings, object)
	case 2, 3, 4:
		w.put(t, w.roles, &rbacv1.Role{ObjectMeta: meta("role-", 10), Rules: w.rules()})
	default:
		if w.IntN(2) == 0 {
			roleRef = rbacv1.RoleRef{Kind: "Role", Name: fmt.Sprint("role-", w.IntN(12))} // some do not exist
		}
		w.put(t, w.bindings, &rbacv1.RoleBinding{ObjectMeta: meta("binding-", 200), RoleRef: roleRef, Subjects: subjects})
	}
}

func (w *world) question() access.Question {
	return one(w,
		access.Question{Verb: "list", Group: "ark.mckinsey.com", Resource: "agents"},
		access.Question{Verb: "get", Group: "ark.mckinsey.com", Resource: "models"},
		access.Question{Verb: "create", Group: "ark.mckinsey.com", Resource: "agents", Subresource: "proxy"},
		access.Question{Verb: "get", Resource: "secrets"},
	)
}

// compare asks the resolver once and the authorizer for every row, and returns how many rows are
// allowed.
func (w *world) compare(t testing.TB, who user.Info, q access.Question) int {
	t.Helper()
	q.Namespaces = w.namespaces
	answer, err := w.resolver.Ask(t.Context(), who, q)
	if err != nil {
		t.Fatal(err)
	}
	allowed := 0
	rows := map[string]bool{}
	for _, namespace := range w.namespaces {
		for _, name := range append(w.names, "another") {
			decision, _, err := w.authorizer.Authorize(t.Context(), authorizer.AttributesRecord{
				User: who, Verb: q.Verb, APIGroup: q.Group, Resource: q.Resource, Subresource: q.Subresource, Namespace: namespace, Name: name, ResourceRequest: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := access.No
			if decision == authorizer.DecisionAllow {
				want = access.Yes
				allowed++
				rows[namespace+"/"+name] = true
			}
			if got := answer.Decide(namespace, name); got != want || answer.Allows(namespace, name) != (want == access.Yes) {
				t.Errorf("%s %v, %s, %s/%s: got %v, want %v", who.GetName(), who.GetGroups(), q, namespace, name, got, want)
			}
		}
	}
	if !answer.All() {
		filtered := map[string]bool{}
		for _, namespace := range answer.Namespaces() {
			for _, name := range append(w.names, "another") {
				filtered[namespace+"/"+name] = true
			}
		}
		for _, name := range answer.Everywhere() {
			for _, namespace := range w.namespaces {
				filtered[namespace+"/"+name] = true
			}
		}
		for namespace, names := range answer.Names() {
			for _, name := range names {
				filtered[namespace+"/"+name] = true
			}
		}
		if !maps.Equal(filtered, rows) {
			t.Errorf("%s, %s: the filter has %v, want %v", who.GetName(), q, filtered, rows)
		}
	}
	return allowed
}

// A thousand users of many kinds, with random roles: the answer for every row is the authorizer's.
// Then the rights change, again and again, and each change counts at once.
func TestAnswersAreTheAuthorizers(t *testing.T) {
	w := newWorld(t, 2026, 8)
	for range 5000 {
		w.change(t)
	}
	some, none, all := 0, 0, 0
	for i := range 1000 {
		switch n := w.compare(t, w.user(i), w.question()); n {
		case 0:
			none++
		case len(w.namespaces) * (len(w.names) + 1):
			all++
		default:
			some++
		}
	}
	t.Logf("of 1,000 users %d may have some rows, %d all, %d none", some, all, none)
	if some < 200 || none < 50 || all < 5 {
		t.Error("the world is too much the same for everybody")
	}
	for range 1000 {
		for range 1 + w.IntN(3) {
			w.change(t)
		}
		w.compare(t, w.user(w.IntN(1000)), w.question())
	}
}

// failing are bindings that cannot be read.
type failing struct{}

func (failing) ListRoleBindings(context.Context, string) ([]*rbacv1.RoleBinding, error) {
	return nil, errors.New("a fault")
}

// Bindings that cannot be read are an error, not a refusal.
func TestRulesThatCannotBeRead(t *testing.T) {
	w := newWorld(t, 1, 1)
	clusterRoles := &rbac.ClusterRoleGetter{Lister: rbaclisters.NewClusterRoleLister(w.clusterRoles)}
	clusterBindings := &rbac.ClusterRoleBindingLister{Lister: rbaclisters.NewClusterRoleBindingLister(w.clusterBindings)}
	rules := NewRoleRules(&rbac.RoleGetter{Lister: rbaclisters.NewRoleLister(w.roles)}, failing{}, clusterRoles, clusterBindings)
	resolver, err := access.New(access.Options{Authorizer: w.authorizer, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := resolver.Ask(t.Context(), w.user(1), access.Question{Verb: "list", Resource: "agents", Namespaces: w.namespaces}); err == nil {
		t.Errorf("got %+v", answer)
	}
}

// BenchmarkAccess measures one answer about a thousand namespaces, for a user with rights in some
// of them, beside asking the authorizer about each namespace.
func BenchmarkAccess(b *testing.B) {
	w := newWorld(b, 2026, 1000)
	for range 20_000 {
		w.change(b)
	}
	for i := range 100 { // as many as a new cluster has, about
		w.put(b, w.clusterBindings, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("system-", i)}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "system"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: fmt.Sprint("system:", i)}},
		})
	}
	q := access.Question{Verb: "list", Group: "ark.mckinsey.com", Resource: "agents", Namespaces: w.namespaces}
	who := w.user(7)
	answer, err := w.resolver.Ask(b.Context(), who, q)
	if err != nil || answer.All() {
		b.Fatal(answer, err)
	}
	var spent [2]time.Duration
	n := 0
	for b.Loop() {
		begin := cpu(b)
		if _, err := w.resolver.Ask(b.Context(), who, q); err != nil {
			b.Fatal(err)
		}
		spent[0] += cpu(b) - begin
		begin = cpu(b)
		for _, namespace := range w.namespaces {
			if _, _, err := w.authorizer.Authorize(b.Context(), authorizer.AttributesRecord{User: who, Verb: q.Verb, APIGroup: q.Group, Resource: q.Resource, Namespace: namespace, ResourceRequest: true}); err != nil {
				b.Fatal(err)
			}
		}
		spent[1] += cpu(b) - begin
		n++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Microseconds())/float64(n), "answer-µs/op")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(n), "authorizer-µs/op")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
	b.ReportMetric(float64(len(w.clusterBindings.ListKeys())), "cluster-bindings")
	b.ReportMetric(float64(len(w.bindings.ListKeys())), "bindings")
}

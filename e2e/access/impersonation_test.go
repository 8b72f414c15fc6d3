package access

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
)

const (
	impersonatorsNamespace = "impersonators"
	impersonations         = 300
	lastImpersonator       = "last-impersonator"
)

// impersonators are the rights of each account. Constrained impersonation (KEP-5284) wants two of
// them: to be somebody (impersonate:user-info or impersonate:serviceaccount), and to do something
// as somebody (impersonate-on:user-info:list); impersonate alone is what it was.
func impersonators() map[string][]rbacv1.PolicyRule {
	rule := func(group, resource string, names []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: strings.Split(resource, ","), ResourceNames: names, Verbs: verbs}
	}
	const authentication, ark = authenticationv1.GroupName, group
	agentsByUser := rule(ark, "agents", nil, "impersonate-on:user-info:list", "impersonate-on:user-info:get")
	return map[string][]rbacv1.PolicyRule{
		"nobody":         {rule("", "pods", nil, "list")},
		"legacy":         {rule("", "users,groups,serviceaccounts", nil, "impersonate"), rule(authentication, "uids,userextras/example.com/scopes", nil, "impersonate")},
		"legacy-one":     {rule("", "users", []string{"user-1"}, "impersonate")},
		"user-only":      {rule(authentication, "users", nil, "impersonate:user-info")},
		"on-only":        {agentsByUser},
		"both":           {rule(authentication, "users", nil, "impersonate:user-info"), agentsByUser},
		"both-one":       {rule(authentication, "users", []string{"user-1"}, "impersonate:user-info"), agentsByUser},
		"both-groups":    {rule(authentication, "users,groups", nil, "impersonate:user-info"), agentsByUser},
		"both-one-group": {rule(authentication, "users", nil, "impersonate:user-info"), rule(authentication, "groups", []string{"team-1"}, "impersonate:user-info"), agentsByUser},
		"both-extras":    {rule(authentication, "users,uids,userextras/example.com/scopes", nil, "impersonate:user-info"), agentsByUser},
		"any-verb":       {rule(authentication, "users,groups", nil, "impersonate:user-info"), rule(ark, "*", nil, "impersonate-on:user-info:create", "impersonate-on:user-info:delete", "impersonate-on:user-info:list")},
		"accounts":       {rule(authentication, "serviceaccounts", nil, "impersonate:serviceaccount"), rule(ark, "agents", nil, "impersonate-on:serviceaccount:list")},
		"accounts-one":   {rule(authentication, "serviceaccounts", []string{"robot-1"}, "impersonate:serviceaccount"), rule(ark, "agents", nil, "impersonate-on:serviceaccount:list")},
		"nodes":          {rule(authentication, "nodes", nil, "impersonate:arbitrary-node"), rule("", "configmaps", nil, "impersonate-on:arbitrary-node:list")},
		"wrong-mode":     {rule(authentication, "users", nil, "impersonate:serviceaccount"), rule(ark, "agents", nil, "impersonate-on:serviceaccount:list")},
		"everything":     {{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}},
	}
}

// makeImpersonators makes the accounts, and returns their tokens.
func (e *env) makeImpersonators(t *testing.T) map[string]string {
	t.Helper()
	ctx, tokens := t.Context(), map[string]string{}
	if _, err := e.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: impersonatorsNamespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, rules := range impersonators() {
		meta := metav1.ObjectMeta{Name: "impersonator-" + name}
		if _, err := e.client.CoreV1().ServiceAccounts(impersonatorsNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: impersonatorsNamespace}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		seconds := int64(3600)
		token, err := e.client.CoreV1().ServiceAccounts(impersonatorsNamespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token.Status.Token
	}
	// The authorizer sees what was written before once it sees what was written last.
	e.bind(t, lastImpersonator, lastImpersonator, e.namespaces[0], false)
	e.await(t, &user.DefaultInfo{Name: lastImpersonator}, agents, e.namespaces[0], true)
	return tokens
}

// anyImpersonation is a request as somebody else.
func anyImpersonation(random *rand.Rand, by string) decided {
	r := decided{by: by, user: one(random, lastImpersonator, lastImpersonator, lastImpersonator, "user-1", "user-2", fmt.Sprint("user-", random.IntN(60)),
		"system:serviceaccount:team-1:robot-1", "system:serviceaccount:team-2:robot-2", "system:node:one", "system:admin")}
	for range random.IntN(3) {
		r.groups = append(r.groups, one(random, "team-1", "team-2", "team-3", "system:masters", "system:authenticated"))
	}
	if random.IntN(6) == 0 {
		r.groups = []string{"team-1", "team-2", "team-3", "team-4", "team-5"} // asked about at once
	}
	if random.IntN(5) == 0 {
		r.extra = one(random, "Impersonate-Uid: 7", "Impersonate-Extra-Example.com%2fscopes: view", "Impersonate-Extra-Example.com%2fothers: view")
	}
	in := "/namespaces/team-" + fmt.Sprint(random.IntN(3))
	const ark = "/apis/ark.mckinsey.com/v1alpha1"
	r.method, r.path = http.MethodGet, one(random, ark+in+"/agents", ark+in+"/agents", ark+"/agents", ark+in+"/agents/one", ark+in+"/models", "/api/v1"+in+"/configmaps", "/version", "/apis")
	if random.IntN(6) == 0 {
		r.method, r.path = http.MethodDelete, ark+in+"/agents/one?dryRun=All"
	}
	return r
}

// impersonating has both decide the same requests of accounts that act as others.
func impersonating(t *testing.T, configs [2]*rest.Config, tokens [2]map[string]string) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 3))
	var systems [2]decider
	for i, config := range configs {
		transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
		if err != nil {
			t.Fatal(err)
		}
		systems[i] = decider{host: config.Host, client: &http.Client{Transport: transport}, tokens: tokens[i]}
	}
	knowing(t, systems, "team-0")
	accounts := slices.Sorted(maps.Keys(impersonators()))
	var requests []decided
	for i := range impersonations {
		requests = append(requests, anyImpersonation(random, accounts[i%len(accounts)]))
	}
	answers := make([][2]decision, len(requests))
	var deciding errgroup.Group
	deciding.SetLimit(workers)
	for i, r := range requests {
		deciding.Go(func() (err error) {
			for n, s := range systems {
				if answers[i][n], err = s.decide(t.Context(), r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := deciding.Wait(); err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for i, a := range answers {
		counts[a[0].Code]++
		// Of several ways to be refused either may name the one that it tried first.
		a[0].Message, a[1].Message = "", ""
		if a[0] != a[1] {
			t.Errorf("%s: kube-apiserver %+v, ark-server %+v", requests[i], a[0], a[1])
		}
	}
	t.Logf("impersonations by code: %v", counts)
	if counts[200] < impersonations/20 || counts[403] < impersonations/10 {
		t.Error("the requests are too much the same")
	}
}

// knownImpersonation is a case whose answer follows from the KEP. The user who is impersonated may
// list agents, and do nothing else.
type knownImpersonation struct {
	by     string
	groups []string
	extra  string
	verb   string // list or get
	want   int
}

func knownImpersonations() []knownImpersonation {
	team := []string{"team-1"}
	return []knownImpersonation{
		{by: "nobody", want: 403},
		{by: "legacy", want: 200},
		{by: "legacy", groups: []string{"system:masters"}, verb: "get", want: 404}, // allowed, and there is none
		{by: "legacy-one", want: 403},
		{by: "user-only", want: 403},
		{by: "on-only", want: 403},
		{by: "wrong-mode", want: 403},
		{by: "both", want: 200},
		{by: "both", verb: "get", want: 403}, // as somebody who may not get
		{by: "both", groups: team, want: 403},
		{by: "both", extra: "Impersonate-Uid: 7", want: 403},
		{by: "both-one", want: 403},
		{by: "both-groups", groups: team, want: 200},
		{by: "both-groups", groups: []string{"system:masters"}, want: 403}, // never by constrained impersonation
		{by: "both-one-group", groups: team, want: 200},
		{by: "both-one-group", groups: []string{"team-1", "team-2"}, want: 403},
		{by: "both-extras", extra: "Impersonate-Uid: 7", want: 200},
		{by: "both-extras", extra: "Impersonate-Extra-Example.com%2fscopes: view", want: 200},
		{by: "both-extras", extra: "Impersonate-Extra-Example.com%2fothers: view", want: 403},
		{by: "any-verb", groups: team, want: 200},
		{by: "any-verb", verb: "get", want: 403},
		{by: "accounts", want: 403},
		{by: "everything", groups: []string{"system:masters"}, want: 200},
	}
}

// knowing holds both to the known cases.
func knowing(t *testing.T, systems [2]decider, namespace string) {
	for _, c := range knownImpersonations() {
		r := decided{by: c.by, user: lastImpersonator, groups: c.groups, extra: c.extra, method: http.MethodGet, path: "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/agents"}
		if c.verb == "get" {
			r.path += "/one"
		}
		for i, name := range []string{"kube-apiserver", "ark-server"} {
			if got, err := systems[i].decide(t.Context(), r); err != nil || got.Code != c.want {
				t.Errorf("%s, %s: got %+v, %v, want %d", name, r, got, err, c.want)
			}
		}
	}
}

package cluster

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

const accessRules = `
{apiVersion: v1, kind: Namespace, metadata: {name: access}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: elsewhere}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: access}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: viewer, namespace: access}, rules: [{apiGroups: [ark.mckinsey.com], resources: [agents], verbs: [get, list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: viewer, namespace: access}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewer}, subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: viewers}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one, namespace: access}, rules: [{apiGroups: [ark.mckinsey.com], resources: [agents], resourceNames: [one], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: one, namespace: access}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}, subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: carol}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: status, namespace: access}, rules: [{apiGroups: [ark.mckinsey.com], resources: [queries], verbs: [get]}, {apiGroups: [ark.mckinsey.com], resources: [queries/status], verbs: [get, patch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: status, namespace: access}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: status}, subjects: [{kind: ServiceAccount, name: robot, namespace: access}]}
`

const agentsPath = "/apis/ark.mckinsey.com/v1alpha1/namespaces/access/agents"

// C28: the cluster's RBAC, for users of every sort, through kube-apiserver and past it.
func (e *env) access(t *testing.T) {
	e.apply(t, accessRules, "apply", "-f", "-")
	e.apply(t, agent("one"), "-n", "access", "apply", "-f", "-")
	e.apply(t, agent("two"), "-n", "access", "apply", "-f", "-")
	e.apply(t, query("asked"), "-n", "access", "apply", "-f", "-")
	alice, err := e.cluster.CertUser("alice", "viewers")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := e.cluster.CertUser("bob")
	if err != nil {
		t.Fatal(err)
	}
	carol, err := e.cluster.CertUser("carol")
	if err != nil {
		t.Fatal(err)
	}
	robot := e.cluster.TokenUser(strings.TrimSpace(e.run(t, "-n", "access", "create", "token", "robot")))

	forbidden := func(user, verb, resource string) []string {
		return []string{"(Forbidden)", "is forbidden: User \"" + user + "\" cannot " + verb + " resource \"" + resource + "\" in API group \"ark.mckinsey.com\""}
	}
	status := []string{"patch", "query", "asked", "--type=merge", "-p", `{"status":{"phase":"running"}}`, "--subresource=status"}
	spec := []string{"patch", "query", "asked", "--type=merge", "-p", `{"spec":{"input":"x"}}`}
	for _, c := range []struct {
		name    string
		user    *rest.Config
		args    []string
		refused []string
	}{
		{"a group's right", alice, []string{"get", "agents"}, nil},
		{"one object by it", alice, []string{"get", "agent", "two"}, nil},
		{"not another verb", alice, []string{"delete", "agent", "two"}, forbidden("alice", "delete", "agents")},
		{"not another resource", alice, []string{"get", "teams"}, forbidden("alice", "list", "teams")},
		{"not another namespace", alice, []string{"get", "agents", "-n", "elsewhere"}, forbidden("alice", "list", "agents")},
		{"not all namespaces", alice, []string{"get", "agents", "-A"}, append(forbidden("alice", "list", "agents"), "at the cluster scope")},
		{"no rights", bob, []string{"get", "agents"}, append(forbidden("bob", "list", "agents"), `in the namespace "access"`)},
		{"a name's right", carol, []string{"get", "agent", "one"}, nil},
		{"not another name", carol, []string{"get", "agent", "two"}, forbidden("carol", "get", "agents")},
		{"a service account's subresource", robot, status, nil},
		{"not the resource itself", robot, spec, forbidden("system:serviceaccount:access:robot", "patch", "queries")},
		{"impersonation", e.cluster.Config, []string{"get", "agents", "--as=alice", "--as-group=viewers"}, nil},
		{"as one without rights", e.cluster.Config, []string{"get", "agents", "--as=bob"}, forbidden("bob", "list", "agents")},
		{"a wrong token", e.cluster.TokenUser("wrong"), []string{"get", "agents"}, []string{"You must be logged in to the server"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := e.kubectlFor(t, c.user)
			args := append([]string{"-n", "access"}, c.args...)
			if c.refused != nil {
				refuse(t, k, c.refused, "", args...)
				return
			}
			if r := try(t, k, "", args...); r.Code != 0 {
				t.Errorf("kubectl %v: %s", args, r.Stderr)
			}
		})
	}
	t.Run("can-i", func(t *testing.T) {
		for _, c := range []struct {
			user *rest.Config
			args []string
			want string
		}{
			{alice, []string{"watch", "agents.ark.mckinsey.com"}, "yes"}, {alice, []string{"create", "agents.ark.mckinsey.com"}, "no"},
			{carol, []string{"get", "agents.ark.mckinsey.com/one"}, "yes"}, {robot, []string{"patch", "queries.ark.mckinsey.com", "--subresource=status"}, "yes"},
		} {
			r := try(t, e.kubectlFor(t, c.user), "", append([]string{"-n", "access", "auth", "can-i"}, c.args...)...)
			if got := strings.TrimSpace(r.Stdout); got != c.want {
				t.Errorf("can-i %v: %s, want %s (%s)", c.args, got, c.want, r.Stderr)
			}
		}
	})
	t.Run("raw", func(t *testing.T) {
		asAdmin := rest.CopyConfig(alice)
		asAdmin.Impersonate.UserName = "admin"
		for _, c := range []struct {
			user *rest.Config
			text string
		}{
			{asAdmin, `User \"alice\" cannot impersonate`},
			{e.cluster.TokenUser(""), `User \"system:anonymous\" cannot list resource \"agents\"`},
		} {
			if code, body := fetch(t, c.user, agentsPath); code != 403 || !strings.Contains(body, c.text) {
				t.Errorf("%d, want 403 with %s: %s", code, c.text, body)
			}
		}
	})
	t.Run("past the aggregator", func(t *testing.T) { e.accessDirect(t, alice, bob, robot) })
}

// accessDirect asks the server itself: it must check what kube-apiserver would have.
func (e *env) accessDirect(t *testing.T, alice, bob, robot *rest.Config) {
	spoof := func(config *rest.Config) *rest.Config {
		config = rest.CopyConfig(config)
		config.Wrap(transport.WrapperFunc(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("X-Remote-User", "admin")
				r.Header.Set("X-Remote-Group", "system:masters")
				return next.RoundTrip(r)
			})
		}))
		return config
	}
	nobody := e.direct(&rest.Config{})
	for _, c := range []struct {
		name string
		user *rest.Config
		path string
		code int
		text string
	}{
		{"a certificate", e.direct(alice), agentsPath, 200, `"name":"two"`},
		{"a certificate without rights", e.direct(bob), agentsPath, 403, `User \"bob\" cannot list resource \"agents\"`},
		{"a token", e.direct(robot), "/apis/ark.mckinsey.com/v1alpha1/namespaces/access/queries/asked", 200, `"name":"asked"`},
		{"a token without rights", e.direct(robot), agentsPath, 403, `User \"system:serviceaccount:access:robot\" cannot list`},
		{"a wrong token", e.direct(e.cluster.TokenUser("wrong")), agentsPath, 401, "Unauthorized"},
		{"nobody's discovery", nobody, "/apis", 401, "Unauthorized"},
		{"nobody's metrics", nobody, "/metrics", 401, "Unauthorized"},
		{"nobody's health", nobody, "/livez", 200, "ok"},
		{"nobody's health in parts", nobody, "/readyz/storage", 200, "ok"},
		{"nobody's version", nobody, "/version", 200, "gitVersion"},
		{"nobody who says to be the proxy", spoof(nobody), agentsPath, 401, "Unauthorized"},
		{"a user who says to be the proxy", spoof(e.direct(bob)), agentsPath, 403, `User \"bob\" cannot list`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body := fetch(t, c.user, c.path)
			if code != c.code || !strings.Contains(body, c.text) {
				t.Errorf("%d, want %d with %s: %s", code, c.code, c.text, body)
			}
		})
	}
}

// direct is the same user at the server itself.
func (e *env) direct(user *rest.Config) *rest.Config {
	config := rest.CopyConfig(e.ark.Direct)
	config.BearerToken, config.CertData, config.KeyData = user.BearerToken, user.CertData, user.KeyData
	return config
}

// fetch gets a path and returns the status code and the body.
func fetch(t *testing.T, user *rest.Config, path string) (int, string) {
	t.Helper()
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Get(user.Host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("read the answer: %w", err))
	}
	return r.StatusCode, string(body)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

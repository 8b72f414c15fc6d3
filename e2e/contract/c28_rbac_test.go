package contract

import (
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const rbacGroup = "/apis/rbac.authorization.k8s.io/v1"

// rbac: who may do what, for one user who comes in three ways.
func rbac(t *testing.T, s *server) {
	p := s.place(t, kindNamed("Agent"))
	other := s.place(t, kindNamed("Agent"))
	for _, short := range []string{"one", "two"} {
		p.create(t, short)
		other.create(t, short)
	}
	queries := p.of(kindNamed("Query"))
	queries.provide(t, queries.kind.NeededObjects(p.namespace))
	queries.create(t, "q")
	core := "/api/v1/namespaces/" + p.namespace
	s.do(t, request{method: "POST", path: core + "/serviceaccounts", body: meta("v1", "ServiceAccount", "worker")}).want(t, 201)
	token := s.do(t, request{method: "POST", path: core + "/serviceaccounts/worker/token", body: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{"expirationSeconds": 3600},
	}}).want(t, 201).object(t)
	account, _ := field(token, "status", "token").(string)
	user := "system:serviceaccount:" + p.namespace + ":worker"

	withToken := rest.AnonymousClientConfig(s.config)
	withToken.BearerToken = account
	transport, err := rest.TransportFor(withToken)
	if err != nil {
		t.Fatal(err)
	}
	impersonate := map[string]string{"Impersonate-User": user}
	ways := map[string]func(r request) request{
		"impersonated": func(r request) request { r.headers = impersonate; return r },
		"by its token": func(r request) request { r.client = &http.Client{Transport: transport}; return r },
	}
	kubectl, err := component.NewKubectl(s.kubeconfig, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	check := func(allowed bool, verb, method, path string, body any, contentType string) {
		t.Helper()
		for way, as := range ways {
			a := s.do(t, as(request{method: method, path: path, body: body, contentType: contentType}))
			if allowed && a.code >= 300 || !allowed && a.code != 403 {
				t.Errorf("%s %s: %s %s: %d, allowed: %t: %s", user, way, method, path, a.code, allowed, excerpt(a.body))
			}
			if a.code == 403 {
				a.refused(t, 403, "Forbidden", user)
			}
		}
	}
	list, one, two := p.collection(), p.path("one"), p.path("two")
	label := `{"metadata":{"labels":{"a":"b"}}}`
	check(false, "list", "GET", list, nil, "")
	check(false, "get", "GET", one, nil, "")
	check(false, "patch", "PATCH", one, label, mergePatch)

	grant := func(name string, rules ...map[string]any) {
		t.Helper()
		role := meta("rbac.authorization.k8s.io/v1", "Role", name)
		role["rules"] = rules
		s.do(t, request{method: "POST", path: rbacGroup + "/namespaces/" + p.namespace + "/roles", body: role}).want(t, 201)
		binding := meta("rbac.authorization.k8s.io/v1", "RoleBinding", name)
		binding["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
		binding["subjects"] = []any{map[string]any{"kind": "ServiceAccount", "name": "worker", "namespace": p.namespace}}
		s.do(t, request{method: "POST", path: rbacGroup + "/namespaces/" + p.namespace + "/rolebindings", body: binding}).want(t, 201)
	}
	rule := func(resource string, verbs []string, names ...string) map[string]any {
		r := map[string]any{"apiGroups": []string{"ark.mckinsey.com"}, "resources": []string{resource}, "verbs": verbs}
		if len(names) > 0 {
			r["resourceNames"] = names
		}
		return r
	}
	grant("worker", rule("agents", []string{"get", "list"}), rule("agents", []string{"patch", "delete"}, "one"), rule("agents/status", []string{"patch"}))
	// A server that asks another about rights keeps its refusals for a time.
	eventually(t, "the rights are known", func() bool {
		for _, as := range ways {
			if s.do(t, as(request{method: "GET", path: list})).code != 200 || s.do(t, as(request{method: "GET", path: one})).code != 200 ||
				s.do(t, as(request{method: "PATCH", path: one + "?dryRun=All", body: label, contentType: mergePatch})).code != 200 {
				return false
			}
		}
		return true
	})
	check(true, "list", "GET", list, nil, "")
	check(true, "get", "GET", two, nil, "")
	check(true, "patch", "PATCH", one, label, mergePatch)
	check(false, "patch", "PATCH", two, label, mergePatch)
	check(true, "patch", "PATCH", two+"/status", `{"status":{}}`, mergePatch)
	check(false, "get", "GET", two+"/status", nil, "")
	check(false, "watch", "GET", list+"?watch=true", nil, "")
	check(false, "create", "POST", list, p.sample("three"), "")
	check(false, "update", "PUT", one, p.read(t, "one"), "")
	check(false, "deletecollection", "DELETE", list, nil, "")
	check(false, "list", "GET", queries.collection(), nil, "")
	check(false, "list", "GET", other.collection(), nil, "")
	check(false, "list", "GET", p.groupPath()+"/agents", nil, "")

	for command, want := range map[string]string{
		"can-i get agents.ark.mckinsey.com":       "yes",
		"can-i patch agents.ark.mckinsey.com/one": "yes",
		"can-i patch agents.ark.mckinsey.com/two": "no",
		"can-i create agents.ark.mckinsey.com":    "no",
	} {
		r, err := kubectl.Run(t.Context(), "", append([]string{"auth", "--as=" + user, "-n", p.namespace}, strings.Fields(command)...)...)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(r.Stdout); !strings.HasPrefix(got, want) {
			t.Errorf("kubectl auth %s: %q, want %s (%s)", command, got, want, r.Stderr)
		}
	}
	check(false, "delete", "DELETE", two, nil, "")
	s.do(t, ways["by its token"](request{method: "DELETE", path: one})).want(t, 200)

	anonymous, err := rest.TransportFor(rest.AnonymousClientConfig(s.config))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/version": 200, list: 403, "/apis/ark.mckinsey.com/v1alpha1": 403, "/metrics": 403, "/openapi/v2": 403} {
		if s.system.name == "direct" && (path == list || path == "/metrics" || strings.HasPrefix(path, "/apis/ark.mckinsey.com")) {
			want = 401 // of a server that asks the cluster about nobody
		}
		if a := s.do(t, request{method: "GET", path: path, client: &http.Client{Transport: anonymous}}); a.code != want {
			t.Errorf("anonymous GET %s: %d, want %d", path, a.code, want)
		}
	}
}

func meta(apiVersion, kind, name string) map[string]any {
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
}

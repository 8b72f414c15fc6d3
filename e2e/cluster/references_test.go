package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// Ark objects that name a Secret or a ConfigMap of the cluster are held to what is there, as far as
// the server may get it.
func (e *env) references(t *testing.T) {
	e.run(t, "create", "namespace", "referring")
	model := func(name, secret, key string) string {
		return fmt.Sprintf(`apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: %s}
spec:
  provider: openai
  model: {value: gpt}
  config: {openai: {apiKey: {valueFrom: {secretKeyRef: {name: %s, key: %s}}}, baseUrl: {value: "https://api.example.com/v1"}}}
`, name, secret, key)
	}
	refuse(t, e.kubectl, []string{"secret 'later' does not exist in namespace 'referring'"}, model("early", "later", "token"), "-n", "referring", "create", "-f", "-")
	e.run(t, "-n", "referring", "create", "secret", "generic", "later", "--from-literal=token=very-secret-value")
	e.apply(t, model("fine", "later", "token"), "-n", "referring", "create", "-f", "-")
	r := try(t, e.kubectl, model("wrong", "later", "password"), "-n", "referring", "create", "-f", "-")
	if r.Code == 0 || !strings.Contains(r.Stderr, "key 'password' not found in secret 'later'") {
		t.Errorf("a wrong key: %s", r.Stderr)
	}
	// The server may get it, and not look around.
	for _, c := range []struct{ verb, want string }{{"get", "yes"}, {"list", "no"}, {"watch", "no"}, {"update", "no"}} {
		r := try(t, e.kubectl, "", "-n", "referring", "auth", "can-i", c.verb, "secrets", "--as=system:serviceaccount:"+namespace+":"+account)
		if got := strings.TrimSpace(r.Stdout); got != c.want {
			t.Errorf("can-i %s secrets: %s, want %s", c.verb, got, c.want)
		}
	}
	if strings.Contains(e.ark.Stderr()+e.ark.Stdout(), "very-secret-value") {
		t.Error("a secret's value is in the log")
	}

	t.Run("users", e.referencesOfUsers)

	// Without the right, what cannot be looked up is not refused.
	e.run(t, "delete", "clusterrolebinding", "ark-server:references")
	eventually(t, "the right gone", func() error {
		if r := try(t, e.kubectl, model("unchecked", "nowhere", "token"), "-n", "referring", "create", "-f", "-"); r.Code != 0 {
			return fmt.Errorf("%s", r.Stderr)
		}
		return nil
	})
	if !strings.Contains(e.ark.Stderr(), "may not get secrets in namespace referring") {
		t.Errorf("no warning in the log: %s", e.ark.Stderr())
	}
}

const referringRules = `
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: author, namespace: referring}, rules: [{apiGroups: [ark.mckinsey.com], resources: ["*"], verbs: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: author, namespace: referring}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: author}, subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: authors}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one-secret, namespace: referring}, rules: [{apiGroups: [""], resources: [secrets], resourceNames: [held], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: one-secret, namespace: referring}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one-secret}, subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: ann}]}
`

// referrers are manifests of every kind that is held to what its references name; the source of a
// value goes in.
var referrers = map[string]string{
	"query parameter": `{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: o}, spec: {input: x, selector: {}, parameters: [{name: p, %s}]}}`,
	"agent parameter": `{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: o}, spec: {parameters: [{name: p, %s}]}}`,
	"model key":       `{apiVersion: ark.mckinsey.com/v1alpha1, kind: Model, metadata: {name: o}, spec: {provider: openai, model: {value: m}, config: {openai: {baseUrl: {value: "https://a.example"}, apiKey: {%s}}}}}`,
	"model address":   `{apiVersion: ark.mckinsey.com/v1alpha1, kind: Model, metadata: {name: o}, spec: {provider: openai, model: {value: m}, config: {openai: {baseUrl: {%s}, apiKey: {value: x}}}}}`,
	"MCP server":      `{apiVersion: ark.mckinsey.com/v1alpha1, kind: MCPServer, metadata: {name: o}, spec: {transport: http, address: {%s}}}`,
	"A2A server":      `{apiVersion: ark.mckinsey.com/v1prealpha1, kind: A2AServer, metadata: {name: o}, spec: {address: {%s}}}`,
	"engine":          `{apiVersion: ark.mckinsey.com/v1prealpha1, kind: ExecutionEngine, metadata: {name: o}, spec: {address: {%s}}}`,
}

// Who may write Ark objects learns nothing from them about Secrets that only others may get.
func (e *env) referencesOfUsers(t *testing.T) {
	e.apply(t, referringRules, "apply", "-f", "-")
	ann, err := e.cluster.CertUser("ann", "authors")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := e.cluster.CertUser("bob", "authors")
	if err != nil {
		t.Fatal(err)
	}
	annsKubectl, bobsKubectl := e.kubectlFor(t, ann), e.kubectlFor(t, bob)
	create := func(k *component.Kubectl, manifest, secret string) (code int, text string) {
		t.Helper()
		source := fmt.Sprintf("valueFrom: {secretKeyRef: {name: %s, key: token}}", secret)
		r := try(t, k, fmt.Sprintf(manifest, source), "-n", "referring", "create", "--dry-run=server", "-f", "-")
		return r.Code, r.Stderr
	}
	said := map[string]string{}
	for _, state := range []string{"missing", "without the key", "no URL", "fine"} {
		switch state {
		case "without the key":
			e.run(t, "-n", "referring", "create", "secret", "generic", "held", "--from-literal=another-key=x")
		case "no URL":
			e.run(t, "-n", "referring", "patch", "secret", "held", "-p", `{"stringData":{"token":"secret-content://x"}}`)
		case "fine":
			// The server may have read the Secret before, and remembers it for 10 s.
			e.run(t, "-n", "referring", "delete", "secret", "held")
			e.run(t, "-n", "referring", "create", "secret", "generic", "held", "--from-literal=token=https://a.example")
		}
		for what, manifest := range referrers {
			code, text := create(bobsKubectl, manifest, "held")
			if code == 0 || !strings.Contains(text, "cannot be used") || strings.Contains(text, "content") {
				t.Errorf("%s, %s: bob is told %s", state, what, text)
			}
			if before, asked := said[what]; asked && before != text {
				t.Errorf("%s, %s: bob is told %s, before %s", state, what, text, before)
			}
			said[what] = text
			if _, other := create(bobsKubectl, manifest, "nope"); strings.ReplaceAll(other, "nope", "held") != text {
				t.Errorf("%s, %s: bob is told %s, and of one that never was %s", state, what, text, other)
			}
			code, text = create(annsKubectl, manifest, "held")
			want := map[string]string{"missing": "secret 'held' does not exist", "without the key": "key 'token' not found in secret 'held'"}[state]
			if state == "no URL" && what == "model address" {
				want = "must be an HTTP or HTTPS URL"
			}
			if state == "fine" && code != 0 {
				eventually(t, "ann may refer to what is fine", func() error {
					if code, text := create(annsKubectl, manifest, "held"); code != 0 {
						return fmt.Errorf("%s: %s", what, text)
					}
					return nil
				})
				continue
			}
			if (code == 0) != (want == "") || !strings.Contains(text, want) || strings.Contains(text, "content") {
				t.Errorf("%s, %s: ann is told %s, want %q", state, what, text, want)
			}
		}
	}
}

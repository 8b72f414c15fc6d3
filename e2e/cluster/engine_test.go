package cluster

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// What queries of the engine's test use. {{model}} is the model's URL.
const engineWorld = `
{apiVersion: v1, kind: Namespace, metadata: {name: asking}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: asking}, stringData: {token: first-key}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: words, namespace: asking}, data: {style: briefly}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: trusted, namespace: asking}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: blind, namespace: asking}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: stranger, namespace: asking}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: ark, namespace: asking}, rules: [{apiGroups: [ark.mckinsey.com], resources: ["*"], verbs: [get, list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: values, namespace: asking}, rules: [{apiGroups: [""], resources: [secrets, configmaps], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: ark, namespace: asking}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ark}, subjects: [{kind: ServiceAccount, name: trusted, namespace: asking}, {kind: ServiceAccount, name: blind, namespace: asking}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: values, namespace: asking}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: values}, subjects: [{kind: ServiceAccount, name: trusted, namespace: asking}]}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Model, metadata: {name: default, namespace: asking}, spec: {provider: openai, model: {value: scripted}, config: {openai: {baseUrl: {value: "{{model}}/v1"}, apiKey: {valueFrom: {secretKeyRef: {name: key, key: token}}}}}}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: guide, namespace: asking}, spec: {prompt: "Answer {{.style}}.", parameters: [{name: style, valueFrom: {configMapKeyRef: {name: words, key: style}}}]}}
`

// TestEngine: the server executes queries in a cluster, with the rights that the chart gives it for
// that. Ark's objects are its own; Secrets, ConfigMaps, Events and the rights of service accounts
// are the cluster's.
func TestEngine(t *testing.T) {
	model := scripted.New(func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Text: fmt.Sprintf("%s | %s | %s", r.Last(), r.Messages[0].Text(), r.Header.Get("Authorization"))}
	})
	there := httptest.NewServer(model)
	defer there.Close()
	values := []string{"ark.engine.mode=embedded", "ark.engine.namespaces={asking}", "rbac.references.scope=none"}
	c := newCluster(t, component.ClusterOptions{})
	c.run(t, "create", "namespace", "asking") // the chart's binding is in it
	c.values = values
	c.prepare(t)
	c.options.Args = []string{"--shutdown-delay-duration=0", "--engine=embedded", "--engine-allowed-addresses=127.0.0.1/32"}
	c.startArk(t)
	t.Cleanup(func() {
		if err := c.ark.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("ark-server's log:\n%s", c.ark.Stderr())
		}
	})
	c.register(t, false)
	c.apply(t, strings.ReplaceAll(engineWorld, "{{model}}", there.URL), "apply", "-f", "-")

	ask := func(name, more string) (phase, content string) {
		t.Helper()
		c.apply(t, fmt.Sprintf(`{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: %s, namespace: asking}, spec: {input: "question %[1]s", target: {type: agent, name: guide}%s}}`, name, more), "create", "-f", "-")
		r := try(t, c.kubectl, "", "-n", "asking", "wait", "query/"+name, "--for=condition=Completed", "--timeout=30s")
		var q struct {
			Status struct {
				Phase    string
				Response struct{ Content string }
			}
		}
		if err := json.Unmarshal([]byte(c.run(t, "-n", "asking", "get", "query", name, "-o", "json")), &q); err != nil {
			t.Fatal(err)
		}
		if q.Status.Phase == "" {
			t.Errorf("wait for %s: %s", name, r.Stderr)
		}
		return q.Status.Phase, q.Status.Response.Content
	}
	wantAnswer := func(name, key string) string {
		return "question " + name + " | Answer briefly. | Bearer " + key
	}
	if phase, content := ask("one", ""); phase != "done" || content != wantAnswer("one", "first-key") {
		t.Errorf("one is %s: %q", phase, content)
	}
	// A changed Secret counts from the next call.
	c.run(t, "-n", "asking", "patch", "secret", "key", "-p", `{"stringData":{"token":"second-key"}}`)
	if phase, content := ask("two", ""); phase != "done" || content != wantAnswer("two", "second-key") {
		t.Errorf("two is %s: %q", phase, content)
	}
	// As service accounts, whose rights on either side the cluster decides.
	if phase, content := ask("trusted", ", serviceAccount: trusted"); phase != "done" || content != wantAnswer("trusted", "second-key") {
		t.Errorf("as an account with the rights: %s: %q", phase, content)
	}
	asked := model.Count()
	for name, want := range map[string]string{
		"blind":    `"system:serviceaccount:asking:blind" cannot get resource "configmaps"`,
		"stranger": `"system:serviceaccount:asking:stranger" cannot get resource "agents"`,
	} {
		if phase, content := ask(name, ", serviceAccount: "+name); phase != "error" || !strings.Contains(content, want) {
			t.Errorf("as %s: %s: %q, want %q", name, phase, content, want)
		}
	}
	if n := model.Count(); n != asked {
		t.Errorf("the model was asked %d times for accounts without rights", n-asked)
	}
	// Events are the cluster's.
	eventually(t, "the events of a query", func() error {
		events := c.run(t, "-n", "asking", "get", "events", "--field-selector=involvedObject.name=one", `-o=jsonpath={range .items[*]}{.reason} {end}`)
		for _, reason := range []string{"QueryExecutionStart", "LLMCallComplete", "QueryExecutionComplete"} {
			if !strings.Contains(events, reason) {
				return fmt.Errorf("no %s in %s", reason, events)
			}
		}
		return nil
	})
	// Statuses are kept, too.
	eventually(t, "the model's status", func() error {
		status := c.run(t, "-n", "asking", "get", "model", "default", `-o=jsonpath={.status.conditions[?(@.type=="ModelAvailable")].status}`)
		if status != "True" {
			return fmt.Errorf("the condition is %q", status)
		}
		return nil
	})
	// Elsewhere it has no rights, and a query says so.
	c.run(t, "create", "namespace", "elsewhere")
	c.apply(t, strings.ReplaceAll(`
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: elsewhere}, stringData: {token: x}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Model, metadata: {name: default, namespace: elsewhere}, spec: {provider: openai, model: {value: scripted}, config: {openai: {baseUrl: {value: "{{model}}/v1"}, apiKey: {valueFrom: {secretKeyRef: {name: key, key: token}}}}}}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: lost, namespace: elsewhere}, spec: {input: x, target: {type: model, name: default}}}
`, "{{model}}", there.URL), "create", "-f", "-")
	c.run(t, "-n", "elsewhere", "wait", "query/lost", "--for=condition=Completed", "--timeout=30s")
	if content := c.run(t, "-n", "elsewhere", "get", "query", "lost", "-o=jsonpath={.status.phase} {.status.response.content}"); !strings.HasPrefix(content, "error ") || !strings.Contains(content, `cannot get resource "secrets"`) {
		t.Errorf("where the engine has no rights: %s", content)
	}
	if log := c.ark.Stderr() + c.ark.Stdout(); strings.Contains(log, "second-key") {
		t.Error("a key is in the log")
	}
}

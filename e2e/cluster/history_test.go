package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// Users of the history's test: reader may read agents and their history in one namespace, blind the
// group of the history and no agents.
const historyUsers = `
{apiVersion: v1, kind: Namespace, metadata: {name: past}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: other}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: past}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: blind, namespace: past}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: reader, namespace: past}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: [{kind: ServiceAccount, name: reader, namespace: past}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: blind, namespace: past}, rules: [{apiGroups: [records.ark.mckinsey.com], resources: ["*"], verbs: [get, list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: blind, namespace: past}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: blind}, subjects: [{kind: ServiceAccount, name: blind, namespace: past}]}
`

// TestHistory reads, compares and takes back changes with plain kubectl through kube-apiserver, as
// docs/history.md says, with the rights that the chart adds to the cluster's own roles. Nothing of
// the history is in the way of a namespace that goes.
func TestHistory(t *testing.T) {
	e := &chatEnv{env: newCluster(t, component.ClusterOptions{})}
	e.values = []string{"rbac.aggregateToDefaultRoles=true"}
	e.serve(t, "--history=on")
	e.apply(t, historyUsers, "apply", "-f", "-")
	past := func(args ...string) string { t.Helper(); return e.run(t, append([]string{"-n", "past"}, args...)...) }
	for _, manifest := range []string{agent("weather"), strings.ReplaceAll(agent("weather"), "You are brief.", "You are verbose.")} {
		e.apply(t, manifest, "-n", "past", "apply", "-f", "-")
	}
	past("annotate", "agent", "weather", "ark.mckinsey.com/change-cause=a note")
	e.apply(t, agent("weather"), "-n", "other", "apply", "-f", "-")

	selected := []string{"get", "revisions", "--field-selector", "object.kind=Agent,object.name=weather"}
	names := strings.Fields(past(append(selected, "-o", "name")...))
	if len(names) != 3 {
		t.Fatalf("%q", names)
	}
	if table := past(append(selected, "-o", "wide")...); !strings.Contains(table, "VERB") || strings.Count(table, "patch") != 2 || !strings.Contains(table, "a note") {
		t.Errorf("%s", table)
	}
	if chunked := strings.Fields(past(append(selected, "-o", "name", "--chunk-size=1")...)); strings.Join(chunked, " ") != strings.Join(names, " ") {
		t.Errorf("in chunks: %q", chunked)
	}
	first := strings.TrimPrefix(names[2], "revision.records.ark.mckinsey.com/")
	for _, command := range [][]string{{"get", "revision", first, "-o", "yaml"}, {"describe", "revision", first}} {
		if text := past(command...); !strings.Contains(text, "You are brief.") || strings.Contains(text, "You are verbose.") {
			t.Errorf("%q: %s", command, text)
		}
	}
	const at, records = "/apis/ark.mckinsey.com/v1alpha1/namespaces/past/agents/weather", "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/past"
	number := first[strings.LastIndex(first, ".")+1:]
	if text := past("get", "--raw", at+"/diff?from="+number); !strings.Contains(text, "-  prompt: You are brief.\n+  prompt: You are verbose.\n") {
		t.Errorf("diff: %s", text)
	}
	if text := past("get", "--raw", at+"?asOf="+number); !strings.Contains(text, "You are brief.") {
		t.Errorf("as of revision %s: %s", number, text)
	}
	e.rightsToThePast(t, first)

	e.apply(t, fmt.Sprintf(`{"spec":{"revision":%s}}`, number), "create", "--raw", at+"/rollback", "-f", "-")
	if prompt := past("get", "agent", "weather", "-o", "jsonpath={.spec.prompt}"); prompt != "You are brief." {
		t.Errorf("after a rollback: %s", prompt)
	}
	uid := past("get", "agent", "weather", "-o", "jsonpath={.metadata.uid}")
	past("delete", "agent", "weather")
	gone := strings.TrimPrefix(strings.TrimSpace(past("get", "deletedobjects", "-o", "name")), "deletedobject.records.ark.mckinsey.com/")
	if text := past("get", "deletedobject", gone, "-o", "yaml"); !strings.Contains(text, "You are brief.") {
		t.Errorf("%s", text)
	}
	e.apply(t, "{}", "create", "--raw", records+"/deletedobjects/"+gone+"/undelete", "-f", "-")
	if now := past("get", "agent", "weather", "-o", "jsonpath={.metadata.uid} {.spec.prompt}"); strings.HasPrefix(now, uid) || !strings.HasSuffix(now, " You are brief.") {
		t.Errorf("after the return: %s, was %s", now, uid)
	}
	if names := strings.Fields(past(append(selected, "-o", "name")...)); len(names) != 6 {
		t.Errorf("the whole lineage: %q", names)
	}
	refuse(t, e.kubectl, []string{"MethodNotAllowed"}, "", "-n", "past", "delete", "revision", first)
	// The namespace controller and the garbage collector pass the history by.
	e.run(t, "delete", "namespace", "past", "--timeout=50s")
	if left := strings.Fields(e.run(t, "-n", "other", "get", "revisions", "-o", "name")); len(left) != 1 {
		t.Errorf("of another namespace: %q", left)
	}
}

// serve starts ark-server in the cluster, and registers both groups.
func (c *chatEnv) serve(t *testing.T, args ...string) {
	t.Helper()
	c.prepare(t)
	c.options.Args = append([]string{"--shutdown-delay-duration=0"}, args...)
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
	c.apply(t, c.recordsService(t), "apply", "-f", "-")
	c.run(t, "wait", "--for=condition=Available", "--timeout=1m", "apiservice/v1alpha1.records.ark.mckinsey.com")
}

// rightsToThePast: who may read agents in one namespace reads their history there, and nobody reads
// what else there is.
func (c *chatEnv) rightsToThePast(t *testing.T, first string) {
	// The cluster adds what the chart grants to its own role view.
	eventually(t, "the right to list revisions", func() error {
		if r := try(t, c.kubectl, "", "--as=system:serviceaccount:past:reader", "-n", "past", "auth", "can-i", "list", "revisions.records.ark.mckinsey.com"); r.Code != 0 {
			return errors.New(r.Stdout)
		}
		return nil
	})
	for _, as := range []struct {
		account string
		seen    int
	}{{"reader", 3}, {"blind", 0}} {
		user := "--as=system:serviceaccount:past:" + as.account
		if names := strings.Fields(c.run(t, user, "-n", "past", "get", "revisions", "-o", "name")); len(names) != as.seen {
			t.Errorf("%s sees %q, want %d", as.account, names, as.seen)
		}
		refuse(t, c.kubectl, []string{"Forbidden"}, "", user, "-n", "other", "get", "revisions")
		refuse(t, c.kubectl, []string{"Forbidden"}, "", user, "get", "revisions", "-A")
		refuse(t, c.kubectl, []string{"orbidden"}, `{"spec":{"revision":1}}`, user, "create", "--raw", "/apis/ark.mckinsey.com/v1alpha1/namespaces/past/agents/weather/rollback", "-f", "-")
	}
	c.run(t, "--as=system:serviceaccount:past:reader", "-n", "past", "describe", "revision", first)
	refuse(t, c.kubectl, []string{"NotFound"}, "", "--as=system:serviceaccount:past:blind", "-n", "past", "get", "revision", first)
}

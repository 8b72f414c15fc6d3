package cluster

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// C13: the cluster's namespace controller deletes what a namespace holds.
func (e *env) namespaces(t *testing.T) {
	e.run(t, "create", "namespace", "doomed")
	e.run(t, "-n", "doomed", "apply", "-R", "-f", filepath.Join(e.root, "docs", "examples"))
	e.apply(t, agent("held"), "-n", "doomed", "apply", "-f", "-")
	e.run(t, "-n", "doomed", "patch", "agent", "held", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	e.run(t, "delete", "namespace", "doomed", "--wait=false")

	eventually(t, "everything but what is held gone", func() error {
		left := e.run(t, "-n", "doomed", "get", strings.Join(namespaced, ","), "-o", "name")
		if got := strings.TrimSpace(left); got != "agent.ark.mckinsey.com/held" {
			return fmt.Errorf("left: %s", got)
		}
		return nil
	})
	refuse(t, e.kubectl, []string{"Forbidden", "because it is being terminated"}, agent("late"), "-n", "doomed", "create", "-f", "-")
	if got := e.run(t, "get", "namespace", "doomed", "-o", "jsonpath={.status.conditions}"); !strings.Contains(got, "example.com/hold") {
		t.Logf("the namespace does not tell yet what holds it: %s", got)
	}
	e.run(t, "-n", "doomed", "patch", "agent", "held", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	e.run(t, "wait", "--for=delete", "namespace/doomed", "--timeout=1m")
}

// C12: the cluster's garbage collector, across API groups and both ways.
func (e *env) garbage(t *testing.T) {
	e.run(t, "create", "namespace", "garbage")
	for _, c := range []struct {
		cascade string
		// owners are deleted; their dependents go with them unless orphaned.
		owner string
	}{
		{"background", "agent"}, {"foreground", "agent"}, {"orphan", "agent"},
		{"background", "configmap"}, {"foreground", "configmap"}, {"orphan", "configmap"},
	} {
		t.Run(c.cascade+" from "+c.owner, func(t *testing.T) {
			name := c.cascade + "-" + c.owner
			version := "v1"
			kind := "ConfigMap"
			if c.owner == "agent" {
				version, kind = "ark.mckinsey.com/v1alpha1", "Agent"
				e.apply(t, agent(name), "-n", "garbage", "create", "-f", "-")
			} else {
				e.run(t, "-n", "garbage", "create", "configmap", name)
			}
			uid := e.run(t, "-n", "garbage", "get", c.owner, name, "-o", "jsonpath={.metadata.uid}")
			refs := fmt.Sprintf("ownerReferences: [{apiVersion: %s, kind: %s, name: %s, uid: %s, blockOwnerDeletion: true}]", version, kind, name, uid)
			dependent := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dependent-%[1]s, %[2]s}\n---\napiVersion: ark.mckinsey.com/v1alpha1\nkind: Query\nmetadata: {name: dependent-%[1]s, %[2]s}\nspec: {input: x, selector: {matchLabels: {app: any}}}\n", name, refs)
			e.apply(t, dependent, "-n", "garbage", "create", "-f", "-")
			e.run(t, "-n", "garbage", "delete", c.owner, name, "--cascade="+c.cascade)
			for _, kind := range []string{"configmap", "query"} {
				if c.cascade == "orphan" {
					got := e.run(t, "-n", "garbage", "get", kind, "dependent-"+name, "-o", "jsonpath={.metadata.ownerReferences}")
					if got != "" {
						t.Errorf("an orphaned %s still has %s", kind, got)
					}
					continue
				}
				if c.cascade == "foreground" {
					// kubectl waited for the owner, which goes after its dependents.
					refuse(t, e.kubectl, []string{"NotFound"}, "", "-n", "garbage", "get", kind, "dependent-"+name)
					continue
				}
				e.run(t, "-n", "garbage", "wait", "--for=delete", kind+"/dependent-"+name, "--timeout=1m")
			}
		})
	}
}

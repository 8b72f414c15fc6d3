package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a dead aggregated server does to a cluster, and how to get out: docs/operations/outage.md says what is tested here.
func (e *env) dead(t *testing.T) {
	e.run(t, "create", "namespace", "survivor")
	e.apply(t, agent("kept"), "-n", "survivor", "create", "-f", "-")
	e.ark.Kill()
	since := time.Now()
	refuse(t, e.kubectl, []string{"the server is currently unable to handle the request"}, "", "get", "--raw=/apis/ark.mckinsey.com/v1alpha1/agents")
	e.waitAvailable(t, "False")
	t.Logf("the APIServices are unavailable after %s", time.Since(since).Round(time.Millisecond))
	if got := e.run(t, "get", "apiservices"); !strings.Contains(got, "False (FailedDiscoveryCheck)") {
		t.Errorf("get apiservices: %s", got)
	}

	// The other APIs go on.
	e.run(t, "-n", "survivor", "create", "configmap", "other")
	e.run(t, "-n", "survivor", "get", "configmaps,serviceaccounts")
	e.run(t, "-n", "survivor", "delete", "configmap", "other")
	e.run(t, "get", "deployments", "-A")

	// Namespaces do not go, whatever is in them.
	stuck := func(name string) {
		t.Helper()
		e.run(t, "delete", "namespace", name, "--wait=false")
		eventually(t, "a stuck namespace", func() error {
			got := e.run(t, "get", "namespace", name, "-o", `jsonpath={.status.conditions[?(@.status=="True")].reason}{.status.conditions[?(@.status=="True")].message}`)
			if !strings.Contains(got, "DiscoveryFailed") || !strings.Contains(got, "ark.mckinsey.com") {
				return fmt.Errorf("conditions: %s", got)
			}
			return nil
		})
	}
	gone := func(name string) {
		t.Helper()
		e.run(t, "wait", "--for=delete", "namespace/"+name, "--timeout=1m")
	}
	e.run(t, "create", "namespace", "stuck-1")
	stuck("stuck-1")
	since = time.Now()
	e.startArk(t)
	started := time.Since(since)
	e.waitAvailable(t, "True")
	t.Logf("ready %s after the start, available %s after it", started.Round(time.Millisecond), time.Since(since).Round(time.Millisecond))
	e.run(t, "-n", "survivor", "get", "agent", "kept")
	gone("stuck-1")
	t.Logf("the stuck namespace is gone %s after the start", time.Since(since).Round(time.Millisecond))

	// The way out while it stays dead: without the APIServices nothing is missed. The data is safe.
	e.run(t, "create", "namespace", "stuck-2")
	e.apply(t, agent("outlives"), "-n", "stuck-2", "create", "-f", "-")
	e.ark.Kill()
	e.waitAvailable(t, "False")
	stuck("stuck-2")
	since = time.Now()
	e.run(t, "delete", "apiservice", "v1alpha1.ark.mckinsey.com", "v1prealpha1.ark.mckinsey.com")
	gone("stuck-2")
	t.Logf("the stuck namespace is gone %s after the APIServices", time.Since(since).Round(time.Millisecond))
	e.startArk(t)
	e.register(t, false)
	e.run(t, "-n", "survivor", "get", "agent", "kept")
	e.run(t, "create", "namespace", "stuck-2")
	e.run(t, "-n", "stuck-2", "get", "agent", "outlives")
}

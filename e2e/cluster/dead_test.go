package cluster

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What a dead aggregated server does to a cluster, and how to get out: docs/operations/outage.md
// says what is tested here.
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

	t.Run("others go on", e.othersGoOn)

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
	e.run(t, "delete", "apiservice", "v1alpha1.ark.mckinsey.com", "v1prealpha1.ark.mckinsey.com", "v1alpha1.records.ark.mckinsey.com", "--ignore-not-found")
	gone("stuck-2")
	t.Logf("the stuck namespace is gone %s after the APIServices", time.Since(since).Round(time.Millisecond))
	e.startArk(t)
	e.register(t, false)
	e.run(t, "-n", "survivor", "get", "agent", "kept")
	e.run(t, "create", "namespace", "stuck-2")
	e.run(t, "-n", "stuck-2", "get", "agent", "outlives")
}

// othersGoOn: reads, writes, watches, rights, admission and garbage collection of everything that
// is not Ark's.
func (e *env) othersGoOn(t *testing.T) {
	watch, err := e.kubectl.Start("-n", "survivor", "get", "configmaps", "-w", "--output-watch-events")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`ADDED`)); err != nil { // The namespace's own.
		t.Fatal(err)
	}
	e.run(t, "-n", "survivor", "create", "configmap", "other")
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`ADDED +other`)); err != nil {
		t.Fatal(err)
	}
	e.run(t, "-n", "survivor", "get", "configmaps,serviceaccounts")
	e.run(t, "-n", "survivor", "patch", "configmap", "other", "--type=merge", "-p", `{"data":{"a":"b"}}`)
	e.run(t, "get", "deployments", "-A")
	if got := e.run(t, "auth", "can-i", "create", "configmaps"); strings.TrimSpace(got) != "yes" {
		t.Errorf("can-i: %s", got)
	}
	refuse(t, e.kubectl, []string{"is forbidden"}, "", "-n", "survivor", "get", "configmaps", "--as=nobody")

	// Discovery may be incomplete; what is there is found.
	if r := try(t, e.kubectl, "", "api-resources", "--cached=false", "-o", "name"); !strings.Contains(r.Stdout, "deployments.apps") {
		t.Errorf("api-resources: %s%s", r.Stdout, r.Stderr)
	}

	// The collector goes on, also for what an owner of another group leaves.
	e.run(t, "-n", "survivor", "create", "deployment", "owner", "--image=none", "--replicas=0")
	uid := e.run(t, "-n", "survivor", "get", "deployment", "owner", "-o", "jsonpath={.metadata.uid}")
	e.apply(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: owned, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: owner, uid: %s}]}}", uid), "-n", "survivor", "create", "-f", "-")
	e.run(t, "-n", "survivor", "delete", "deployment", "owner")
	e.run(t, "-n", "survivor", "wait", "--for=delete", "configmap/owned", "--timeout=1m")
	e.run(t, "-n", "survivor", "delete", "configmap", "other")
}

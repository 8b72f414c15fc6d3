package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

func (e *env) chart() string { return filepath.Join(e.root, "deploy", "helm", "ark-server") }

// helmRun runs helm, which must succeed, and returns its standard output.
func (e *env) helmRun(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := e.helm.Run(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != 0 {
		t.Fatalf("helm %s: %s", strings.Join(args, " "), r.Stderr)
	}
	return r.Stdout
}

// The chart, installed with helm. There are no nodes to run its pod, so the test runs the server in
// the pod's place: as the chart's account, with the certificate that the chart made, behind the
// chart's Service and APIServices.
func TestHelmInstall(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{EndpointRouting: true})
	e.helmRun(t, "install", service, e.chart(), "--namespace="+namespace, "--create-namespace")
	e.installed(t)
	e.startArk(t)
	defer func() {
		if err := e.ark.Stop(); err != nil {
			t.Error(err)
		}
	}()
	e.waitAvailable(t, "True")
	e.run(t, "-n", "default", "apply", "--validate=strict", "-R", "-f", filepath.Join(e.root, "docs", "examples"))

	// An upgrade keeps the certificate, and so what the APIServices trust.
	secret := func() string {
		t.Helper()
		return e.run(t, "-n", namespace, "get", "secret", "ark-server-tls", "-o", `jsonpath={.data.tls\.crt}`)
	}
	before := secret()
	e.helmRun(t, "upgrade", service, e.chart(), "--namespace="+namespace, "--set=ark.logLevel=info,rbac.aggregateToDefaultRoles=true")
	if secret() != before {
		t.Error("the upgrade made another certificate")
	}
	if got := e.run(t, "-n", namespace, "get", "statefulset", service, "-o", "jsonpath={.spec.template.spec.containers[0].args}"); !strings.Contains(got, "--log-level=info") {
		t.Errorf("the upgrade did not reach the pod: %s", got)
	}
	e.waitAvailable(t, "True")
	// The cluster's own roles now cover Ark's kinds.
	e.run(t, "-n", "default", "create", "rolebinding", "dora", "--clusterrole=edit", "--user=dora")
	eventually(t, "the aggregated roles", func() error {
		if r := try(t, e.kubectl, "", "-n", "default", "auth", "can-i", "create", "queries.ark.mckinsey.com", "--as=dora"); strings.TrimSpace(r.Stdout) != "yes" {
			return fmt.Errorf("can-i: %s%s", r.Stdout, r.Stderr)
		}
		return nil
	})

	// The way out of an outage, and back: docs/operations/outage.md.
	e.run(t, "delete", "apiservice", "v1alpha1.ark.mckinsey.com", "v1prealpha1.ark.mckinsey.com", "v1alpha1.records.ark.mckinsey.com")
	refuse(t, e.kubectl, []string{"the server doesn't have a resource type"}, "", "get", "agents.ark.mckinsey.com")
	e.helmRun(t, "upgrade", service, e.chart(), "--namespace="+namespace, "--reuse-values")
	e.waitAvailable(t, "True")
	e.run(t, "-n", "default", "get", "agents,queries")

	e.helmRun(t, "uninstall", service, "--namespace="+namespace)
	if left := e.run(t, "get", "apiservices,clusterroles,clusterrolebindings", "-o", "name"); strings.Contains(left, "ark") {
		t.Errorf("left after uninstalling: %s", left)
	}
}

// Everything that the chart can make is accepted by the API server; what needs other operators'
// kinds is left out.
func TestHelmObjects(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{})
	e.helmRun(t, "install", service, e.chart(), "--namespace="+namespace, "--create-namespace")
	e.run(t, "-n", namespace, "get", "statefulset/"+service, "service/"+service, "secret/ark-server-tls")
	e.run(t, "get", "apiservice", "v1alpha1.ark.mckinsey.com", "v1prealpha1.ark.mckinsey.com", "v1alpha1.records.ark.mckinsey.com")
	e.helmRun(t, "install", "other", e.chart(), "--namespace=other", "--create-namespace", "--set=apiService.create=false,fullnameOverride=other,"+
		"ark.storage.driver=postgresql,ark.storage.host=db,ark.storage.passwordSecret.name=db,autoscaling.enabled=true,networkPolicy.enabled=true,ark.audit.enabled=true")
	e.run(t, "-n", "other", "get", "deployment/other", "hpa/other", "pdb/other", "networkpolicy/other", "configmap/other-audit")
	e.helmRun(t, "uninstall", "other", "--namespace=other")
	e.helmRun(t, "uninstall", service, "--namespace="+namespace)
}

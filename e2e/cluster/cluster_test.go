package cluster

import (
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// The aggregator reaches the server through a Service, which is kube-apiserver's default.
func TestServiceRouting(t *testing.T) {
	log, args := auditArgs(t)
	e := newEnv(t, component.ClusterOptions{}, args...)
	t.Run("Discovery", e.discovery)
	t.Run("Kubectl", e.kubectlWorks)
	t.Run("Access", e.access)
	t.Run("Admission", e.admission)
	t.Run("Metrics", e.metrics)
	t.Run("Operators", e.operators)
	t.Run("References", e.references)
	t.Run("Namespaces", e.namespaces)
	t.Run("Garbage", e.garbage)
	t.Run("Audit", func(t *testing.T) { e.audit(t, log) })
	t.Run("Certificate", e.certificateReload)
	t.Run("Dead", e.dead)
}

// The aggregator picks an endpoint itself (--enable-aggregator-routing).
func TestEndpointRouting(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{EndpointRouting: true})
	t.Run("Discovery", e.discovery)
	t.Run("Kubectl", e.kubectlWorks)
}

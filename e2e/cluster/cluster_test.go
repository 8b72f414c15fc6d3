package cluster

import (
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// The aggregator reaches the server through a Service, which is kube-apiserver's default.
func TestServiceRouting(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{})
	t.Run("Discovery", e.discovery)
	t.Run("Kubectl", e.kubectlWorks)
}

// The aggregator picks an endpoint itself (--enable-aggregator-routing).
func TestEndpointRouting(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{EndpointRouting: true})
	t.Run("Discovery", e.discovery)
	t.Run("Kubectl", e.kubectlWorks)
}

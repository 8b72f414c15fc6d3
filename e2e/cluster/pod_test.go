package cluster

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// installed takes what the chart has installed, its account, its certificate and its Service, for a
// server that runs in the place of the pod, which has no node to run on.
func (e *env) installed(t *testing.T, args ...string) {
	t.Helper()
	dir := t.TempDir()
	secret := func(key string) []byte {
		t.Helper()
		text := e.run(t, "-n", namespace, "get", "secret", "ark-server-tls", "-o", "jsonpath={.data."+strings.ReplaceAll(key, ".", `\.`)+"}")
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(content) == 0 {
			t.Fatalf("%s in the Secret: %v", key, err)
		}
		return content
	}
	pair := component.Pair{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"), Cert: secret("tls.crt"), Key: secret("tls.key")}
	for path, content := range map[string][]byte{pair.CertFile: pair.Cert, pair.KeyFile: pair.Key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	token := strings.TrimSpace(e.run(t, "-n", namespace, "create", "token", account, "--duration=2h"))
	if err := component.WriteKubeconfig(kubeconfig, e.cluster.TokenUser(token)); err != nil {
		t.Fatal(err)
	}
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	e.options = component.AggregatedOptions{
		ArkOptions: component.ArkOptions{Dir: dir, Port: port, Args: append([]string{"--shutdown-delay-duration=0"}, args...)},
		Kubeconfig: kubeconfig, Serving: pair, CA: secret("ca.crt"),
	}
	e.apply(t, fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: stand-in, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: FQDN
endpoints: [{addresses: ["127.0.0.1"], conditions: {ready: true}}]
ports: [{name: https, port: %[3]d}]
`, namespace, service, port), "apply", "-f", "-")
}

// kubelet does what a node and the controller of StatefulSets would: it runs as many servers as the
// StatefulSet wants, one or none, and says so in its status.
func (e *env) kubelet(t *testing.T, running bool) {
	t.Helper()
	var set struct {
		Metadata struct{ Generation int64 }
		Spec     struct{ Replicas int }
	}
	if err := json.Unmarshal([]byte(e.run(t, "-n", namespace, "get", "statefulset", service, "-o", "json")), &set); err != nil {
		t.Fatal(err)
	}
	if wanted := set.Spec.Replicas > 0; wanted != running {
		t.Fatalf("the StatefulSet wants %d pods, when one should run: %t", set.Spec.Replicas, running)
	}
	if running {
		e.startArk(t)
	} else if err := e.ark.Stop(); err != nil {
		t.Fatal(err)
	}
	e.run(t, "-n", namespace, "patch", "statefulset", service, "--subresource=status", "--type=merge", "-p", fmt.Sprintf(
		`{"status":{"observedGeneration":%d,"replicas":%[2]d,"readyReplicas":%[2]d,"updatedReplicas":%[2]d,"currentReplicas":%[2]d,"availableReplicas":%[2]d,"currentRevision":"a","updateRevision":"a"}}`,
		set.Metadata.Generation, set.Spec.Replicas))
}

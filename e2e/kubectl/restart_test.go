package kubectl

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	writequery "github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// testRestart stops the server in order and starts it again: the kubeconfig of before, and
// everything written, must still be good.
func (c *cluster) testRestart(t *testing.T) {
	kubeconfig, err := os.ReadFile(c.server.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	before := c.everything(t)
	if err := c.server.Stop(); err != nil {
		t.Fatal(err)
	}
	if code := c.server.ExitCode(); code != 0 {
		t.Errorf("the server ended with code %d after SIGTERM:\n%s", code, c.server.Stderr())
	}
	c.start(t)
	if now, err := os.ReadFile(c.server.Kubeconfig); err != nil || string(now) != string(kubeconfig) {
		t.Errorf("the restart changed the kubeconfig (%v):\n%s\nbefore:\n%s", err, now, kubeconfig)
	}
	if after := c.everything(t); after != before {
		t.Errorf("after the restart:\n%s\nbefore:\n%s", after, before)
	}
}

// everyKind names all kinds, as kubectl get takes them.
func everyKind() string {
	var plurals []string
	for _, sample := range registrytest.Samples() {
		plurals = append(plurals, sample.Plural)
	}
	return strings.Join(plurals, ",")
}

// everything names every object with its uid and resourceVersion.
func (c *cluster) everything(t *testing.T) string {
	t.Helper()
	return c.run(t, "get", everyKind(), "-A", "-o",
		"jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{\"\\n\"}{end}")
}

// testKill kills the server while clients write through HTTPS: what they were told is written must
// be there afterwards.
func (c *cluster) testKill(t *testing.T) {
	const namespace, writers, enough = "killed", 16, 400
	c.namespace(t, namespace)
	target, err := component.RawClient(c.server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := writequery.CreateTarget(t.Context(), target, namespace); err != nil {
		t.Fatal(err)
	}
	before := c.everything(t)
	var (
		mu           sync.Mutex
		acknowledged []string
		reached      = make(chan struct{})
		wg           sync.WaitGroup
	)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for w := range writers {
		client, err := component.RawClient(c.server.Config)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("query-%02d-%04d", w, i)
				if err := writequery.Create(ctx, client, namespace, name, writequery.Spec(200)); err != nil {
					return // The server is gone.
				}
				mu.Lock()
				acknowledged = append(acknowledged, name)
				if len(acknowledged) == enough {
					close(reached)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-reached:
	case <-ctx.Done():
		t.Errorf("only %d writes acknowledged in %s", len(acknowledged), patience)
	}
	c.server.Kill()
	wg.Wait()
	c.start(t)

	there := map[string]bool{}
	for name := range strings.FieldsSeq(c.run(t, "get", "queries", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}")) {
		there[name] = true
	}
	missing := 0
	for _, name := range acknowledged {
		if !there[name] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d acknowledged queries are missing after kill -9", missing, len(acknowledged))
	}
	t.Logf("%d acknowledged before the kill, %d there after it", len(acknowledged), len(there))
	if surplus := len(there) - len(acknowledged); surplus > writers {
		t.Errorf("%d queries more than acknowledged, but only %d writers were under way", surplus, writers)
	}
	after := c.everything(t)
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			t.Fatalf("gone or changed after kill -9: %s", line)
		}
	}
	c.writable(t, c.server.Config, namespace)
}

// writable makes sure that the server takes writes again.
func (c *cluster) writable(t *testing.T, config *rest.Config, namespace string) {
	t.Helper()
	client, err := component.RawClient(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := writequery.Create(t.Context(), client, namespace, "after-the-kill", writequery.Spec(10)); err != nil {
		t.Error(err)
	}
}

package kubectl

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// patience bounds every wait for something that must happen; no test passes or fails by being
// faster.
const patience = 2 * time.Minute

// servers hold the databases of the tests that need one.
var servers engine.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// cluster is the server under test and a kubectl that speaks to it.
type cluster struct {
	options component.ArkOptions
	server  *component.ArkServer
	kubectl *component.Kubectl
	// root of the repository.
	root string
}

// newCluster starts a server on SQLite, or as the options say; folder and port are always new.
func newCluster(t *testing.T, options component.ArkOptions) *cluster {
	t.Helper()
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	// A fixed port, so that the kubeconfig stays good over restarts.
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	options.Dir, options.Port = t.TempDir(), port
	c := &cluster{options: options, root: root}
	c.start(t)
	t.Cleanup(func() {
		if err := c.server.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", c.server.Stderr())
		}
	})
	if c.kubectl, err = component.NewKubectl(c.server.Kubeconfig, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := component.StartArk(ctx, c.options)
	if err != nil {
		t.Fatal(err)
	}
	c.server = server
}

// try runs kubectl and returns however it ended.
func (c *cluster) try(t *testing.T, stdin string, args ...string) component.KubectlResult {
	t.Helper()
	return c.tryWith(t, c.kubectl, stdin, args...)
}

func (c *cluster) tryWith(t *testing.T, k *component.Kubectl, stdin string, args ...string) component.KubectlResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := k.Run(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs kubectl, which must succeed, and returns its standard output.
func (c *cluster) run(t *testing.T, args ...string) string {
	t.Helper()
	return c.runWith(t, "", args...)
}

func (c *cluster) runWith(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := c.try(t, stdin, args...)
	if r.Code != 0 {
		t.Fatalf("kubectl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// refuse runs kubectl, which must fail, and wants all the texts in what it says.
func (c *cluster) refuse(t *testing.T, stdin string, texts []string, args ...string) {
	t.Helper()
	r := c.try(t, stdin, args...)
	if r.Code == 0 {
		t.Fatalf("kubectl %s succeeded: %s", strings.Join(args, " "), r.Stdout)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("kubectl %s: no %q in\n%s", strings.Join(args, " "), text, r.Stderr)
		}
	}
}

// namespace makes a namespace for one subtest.
func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	c.run(t, "create", "namespace", name)
}

// file writes a manifest to a temporary file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// query is a manifest; more is added to its spec, each line indented by two spaces.
func query(name string, more ...string) string {
	// A test that names no agent asks any agent.
	if text := strings.Join(more, "\n"); !strings.Contains(text, "target") && !strings.Contains(text, "selector:") {
		more = append(more, "  selector: {}")
	}
	return strings.Join(append([]string{
		"apiVersion: ark.mckinsey.com/v1alpha1", "kind: Query", "metadata:", "  name: " + name, "spec:", "  input: Why is the sky blue?",
	}, more...), "\n") + "\n"
}

// fields splits a line of kubectl's table: columns are two spaces or more apart.
func fields(line string) []string {
	var all []string
	for field := range strings.SplitSeq(strings.TrimSpace(line), "  ") {
		if field = strings.TrimSpace(field); field != "" {
			all = append(all, field)
		}
	}
	return all
}

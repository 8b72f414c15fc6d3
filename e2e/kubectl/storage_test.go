package kubectl

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// TestExternalStorage keeps the data in a real etcd, and in kine, instead of the server's own
// endpoint: the API must not change.
func TestExternalStorage(t *testing.T) {
	for name, start := range map[string]func(context.Context, string) (*component.Endpoint, error){"etcd": component.StartEtcd, "kine": component.StartKine} {
		t.Run(name, func(t *testing.T) {
			if err := component.BuildBinaries(name); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			endpoint, err := start(ctx, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(endpoint.Kill)
			c := newCluster(t, component.ArkOptions{EtcdServers: endpoint.URL})
			t.Run("apply the examples", c.testApply)
			t.Run("get", c.testGet)
			t.Run("get -w", c.testWatch)
			t.Run("server-side apply", c.testServerSideApply)
			t.Run("server-side apply twice", c.testServerSideApplyTwice)
			t.Run("restart", c.testRestart)
			t.Run("delete the examples", c.testDelete)
		})
	}
}

// TestEtcdctl looks into the server's own storage with the real etcdctl.
func TestEtcdctl(t *testing.T) {
	if err := component.BuildBinaries("etcdctl"); err != nil {
		t.Fatal(err)
	}
	path, err := component.Binary("etcdctl")
	if err != nil {
		t.Fatal(err)
	}
	// The name of a socket may have about 100 characters, fewer than a test's own folder.
	dir, err := os.MkdirTemp("", "ark")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address := "unix://" + filepath.Join(dir, "etcd.sock")
	c := newCluster(t, component.ArkOptions{Args: []string{"--etcd-listen=" + address}})
	c.runWith(t, query("sky"), "apply", "-f", "-")

	etcdctl := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, append([]string{"--endpoints=" + address}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("etcdctl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if out := etcdctl("endpoint", "health"); !strings.Contains(out, "is healthy") {
		t.Errorf("endpoint health: %s", out)
	}
	if out := etcdctl("endpoint", "status", "--write-out=fields"); !strings.Contains(out, `"Leader"`) {
		t.Errorf("endpoint status: %s", out)
	}
	keys := etcdctl("get", "/", "--prefix", "--keys-only")
	var key string
	for line := range strings.Lines(keys) {
		if strings.HasSuffix(strings.TrimSpace(line), "/default/sky") {
			key = strings.TrimSpace(line)
		}
	}
	if key == "" {
		t.Fatalf("the query is not among the keys:\n%s", keys)
	}
	if value := etcdctl("get", key, "--print-value-only"); !strings.Contains(value, "Why is the sky blue?") {
		t.Errorf("value of %s: %s", key, value)
	}
	// What etcdctl deletes is gone for kubectl too.
	if out := etcdctl("del", key); strings.TrimSpace(out) != "1" {
		t.Errorf("del %s: %s", key, out)
	}
	c.refuse(t, "", []string{`queries.ark.mckinsey.com "sky" not found`}, "get", "query", "sky")
}

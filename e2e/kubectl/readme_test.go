package kubectl

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// own runs the server's own binary in its folder, with no flags but these, and returns its standard
// output.
func (c *cluster) own(t *testing.T, args ...string) string {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = c.options.Dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ark-server %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// blocks are the commands of README.md that are for a server that runs: those of the shell blocks
// in two sections.
func blocks(t *testing.T, root string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	section, inCode := "", false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inCode = line == "```sh"
		case !inCode && strings.HasPrefix(line, "## "):
			section = line
		case inCode && (section == "## Use" || section == "## A second user") && strings.TrimSpace(line) != "":
			lines = append(lines, line)
		}
	}
	if len(lines) < 12 {
		t.Fatalf("README.md has only the commands %q", lines)
	}
	return lines
}

// TestReadme types what README.md says, line by line, in a folder with the server's database, its
// binary and the documentation. A line whose comment says that it is forbidden must be.
func TestReadme(t *testing.T) {
	c := newCluster(t, component.ArkOptions{Args: []string{"--engine=embedded"}})
	binary, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	kubectl, err := component.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	dir := c.options.Dir
	for from, to := range map[string]string{filepath.Dir(binary): "bin", filepath.Join(c.root, "docs"): "docs"} {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "PATH="+filepath.Dir(kubectl)+string(filepath.ListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(), "KUBECONFIG=")
	do := func(line string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	printed := map[string]string{}
	for _, line := range blocks(t, c.root) {
		command, comment, _ := strings.Cut(line, " # ")
		command = strings.TrimSpace(command)
		if strings.HasPrefix(command, "export KUBECONFIG=") {
			env = append(env, "KUBECONFIG="+filepath.Join(dir, "admin.kubeconfig"))
			if command != "export KUBECONFIG=$PWD/admin.kubeconfig" {
				t.Errorf("the test does something else than %q", command)
			}
			continue
		}
		if strings.HasSuffix(command, " -w") {
			command = strings.TrimSuffix(command, " -w") // it would go on
		}
		forbidden := strings.Contains(comment, "forbidden")
		// Until informers know of a new role binding, its user may do nothing yet.
		for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			out, err := do(command)
			printed[command] = out
			if forbidden && err != nil && strings.Contains(out, "Error from server (Forbidden)") || !forbidden && err == nil {
				break
			}
			if forbidden || !strings.Contains(out, "Forbidden") || time.Now().After(deadline) {
				t.Fatalf("%s: %v: %s", line, err, out)
			}
		}
	}
	for command, want := range map[string]string{
		"kubectl --kubeconfig alice.kubeconfig get agents,queries": "agent.ark.mckinsey.com/",
		"kubectl --kubeconfig alice.kubeconfig auth whoami":        "alice",
		"bin/ark-server token list":                                "alice",
		"kubectl get agents,models,queries,teams,tools -A":         "model.ark.mckinsey.com/default",
	} {
		if !strings.Contains(printed[command], want) {
			t.Errorf("%s: no %q in\n%s", command, want, printed[command])
		}
	}
	if err := component.RequireMode(filepath.Join(dir, "alice.kubeconfig"), 0o600); err != nil {
		t.Error(err)
	}
}

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// plugin is kubectl ark through kube-apiserver, each of its commands.
func (c *chatEnv) plugin(t *testing.T) {
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "kubectl-ark"), "./cmd/kubectl-ark")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	c.apply(t, c.recordsService(t), "apply", "-f", "-")
	c.run(t, "wait", "--for=condition=Available", "--timeout=2m", "apiservice/v1alpha1.records.ark.mckinsey.com")
	kubectl, err := component.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) (int, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, kubectl, append([]string{"ark", "-n", "chat"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECONFIG="+c.cluster.Kubeconfig, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		cmd.Stdin = strings.NewReader(stdin)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatalf("kubectl ark %v: %v", args, err)
		}
		return cmd.ProcessState.ExitCode(), out.String()
	}

	// The test is the engine: what it says comes while it is said, for longer than kube-apiserver lets
	// other requests take.
	type ended struct {
		code int
		out  string
	}
	talked := make(chan ended, 1)
	go func() {
		code, out := run("by the plugin\n", "chat", "agent/guide")
		talked <- ended{code, out}
	}()
	name := c.latest(t, "by the plugin")
	engine := c.write(t, name)
	engine.say(t, "said ")
	engine.say(t, "live")
	engine.end(t, "said live")
	if got := <-talked; got.code != 0 || got.out != "said live\n" {
		t.Errorf("chat: %d %s", got.code, got.out)
	}
	asked := make(chan ended, 1)
	go func() {
		code, out := run("", "query", "agent/guide", "asked by the plugin", "--stream")
		asked <- ended{code, out}
	}()
	query := c.latest(t, "asked by the plugin")
	c.run(t, "-n", "chat", "patch", "query", query, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"done","response":{"content":"an answer"}}}`)
	if got := <-asked; got.code != 0 || got.out != "an answer\n" {
		t.Errorf("query: %d %s", got.code, got.out)
	}

	c.apply(t, agent("thrown"), "-n", "chat", "create", "-f", "-")
	c.run(t, "-n", "chat", "delete", "agent", "thrown")
	lastOf := func(args ...string) string {
		t.Helper()
		code, out := run("", append(args, "-o", "name")...)
		names := strings.Fields(out)
		if code != 0 || len(names) == 0 {
			t.Fatalf("%v: %d %s", args, code, out)
		}
		return names[len(names)-1]
	}
	version := lastOf("history", "agent/guide")
	version = version[strings.LastIndexByte(version, '.')+1:]
	thrown := lastOf("trash")

	for _, l := range []struct {
		line []string
		code int
		want string
	}{
		{[]string{"trace", name}, 0, "agent/guide"},
		{[]string{"top", "--once", "--window=1h", "-o", "json"}, 0, `"phases"`},
		{[]string{"top", "--by=target", "--window=1h"}, 0, "agent/guide"},
		{[]string{"doctor"}, 1, "api       ark.mckinsey.com and records.ark.mckinsey.com"}, // there is no Model
		{[]string{"history", "agent/guide"}, 0, "agent.guide."},
		{[]string{"diff", "agent/guide"}, 0, "+kind: Agent"},
		{[]string{"blame", "agent/guide"}, 0, "verb: create"},
		{[]string{"tree", "agent/guide"}, 0, "agent/guide"},
		{[]string{"search", "plugin"}, 0, name},
		{[]string{"sql", "select count(*) n from agents"}, 0, "N"},
		{[]string{"report", "queries-by-phase"}, 0, "done"},
		{[]string{"usage"}, 0, "guide"},
		{[]string{"trash"}, 0, thrown},
		{[]string{"undelete", thrown}, 0, thrown + " undeleted"},
		{[]string{"rollback", "agent/guide", version, "--dry-run"}, 0, "(dry run)"},
		{[]string{"rollback", "agent/guide", version, "-o", "yaml"}, 0, "kind: Agent"},
		{[]string{"cancel", name, "-o", "name"}, 0, "query/" + name},
		{[]string{"cancel", name}, 0, "canceled"},
		{[]string{"approve", name}, 1, "waits for no decision"},
		{[]string{"reject", name}, 1, "waits for no decision"},
		{[]string{"tree", "agent/guide", "-o", "json"}, 0, `"object": "agent/guide"`},
		{[]string{"sql", "select 1", "-o", "name"}, 2, "use one of"},
	} {
		if code, out := run("", l.line...); code != l.code || !strings.Contains(out, l.want) {
			t.Errorf("%v: got %d, want %d: %s", l.line, code, l.code, out)
		}
	}
}

// recordsService registers the group of histories, searches and reports as that of Ark's kinds is.
func (c *chatEnv) recordsService(t *testing.T) string {
	t.Helper()
	var service map[string]any
	if err := json.Unmarshal([]byte(c.run(t, "get", "apiservice", "v1alpha1.ark.mckinsey.com", "-o", "json")), &service); err != nil {
		t.Fatal(err)
	}
	spec, ok := service["spec"].(map[string]any)
	if !ok {
		t.Fatalf("an APIService without a spec: %v", service)
	}
	spec["group"] = "records.ark.mckinsey.com"
	service["metadata"] = map[string]any{"name": "v1alpha1.records.ark.mckinsey.com"}
	delete(service, "status")
	text, err := json.Marshal(service)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

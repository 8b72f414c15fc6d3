package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// page is a page of docs/operations whose commands are run as they stand there, in one shell with
// one environment.
type page struct {
	name   string
	blocks []block
	next   int
	// state holds the environment from one block to the next.
	state string
	env   []string
	root  string
}

// block is a fenced piece of shell; its tag is what follows ```sh.
type block struct {
	tag, text string
}

var fence = regexp.MustCompile("(?ms)^```sh(?: (\\w+))?\n(.*?)^```$")

func (e *env) openPage(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.root, "docs", "operations", name))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{name: name, root: e.root, state: filepath.Join(t.TempDir(), "state")}
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		p.blocks = append(p.blocks, block{tag: found[1], text: found[2]})
	}
	if len(p.blocks) == 0 {
		t.Fatalf("%s has no commands", name)
	}
	kubectl, err := component.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	server, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	p.env = append(os.Environ(), "HOME="+home, "KUBECONFIG="+e.cluster.Kubeconfig, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home,
		"PATH="+filepath.Dir(server)+":"+filepath.Dir(kubectl)+":"+os.Getenv("PATH"))
	return p
}

// set exports a variable to the blocks that follow.
func (p *page) set(t *testing.T, name, value string) {
	t.Helper()
	p.shell(t, fmt.Sprintf("export %s=%q\n", name, value))
}

// take returns the next block, which must hold a text: so the test says where on the page it is.
func (p *page) take(t *testing.T, tag, text string) string {
	t.Helper()
	if p.next == len(p.blocks) {
		t.Fatalf("%s has no further block with %q", p.name, text)
	}
	b := p.blocks[p.next]
	p.next++
	if b.tag != tag || !strings.Contains(b.text, text) {
		t.Fatalf("%s: the next block is tagged %q and says\n%s\nwant the tag %q, and %q in it", p.name, b.tag, b.text, tag, text)
	}
	return b.text
}

// run takes the next block and runs it as it stands.
func (p *page) run(t *testing.T, text string) string {
	t.Helper()
	return p.shell(t, p.take(t, "", text))
}

// shell runs commands, which must succeed, and returns what they printed.
func (p *page) shell(t *testing.T, commands string) string {
	t.Helper()
	script := fmt.Sprintf("set -eu\nif [ -f %[1]s ]; then . %[1]s; fi\n%[2]s\nexport -p > %[1]s\n", p.state, commands)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := component.Start(component.Command{Path: "/bin/bash", Name: "bash", Args: []string{"-c", script}, Env: p.env, Dir: p.root})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		c.Kill()
		t.Fatalf("not done in time:\n%s\n%s%s", commands, c.Stdout(), c.Stderr())
	}
	if code := c.ExitCode(); code != 0 {
		t.Fatalf("exit code %d from\n%s\n%s%s", code, commands, c.Stdout(), c.Stderr())
	}
	t.Logf("ran\n%s%s%s", commands, indent(c.Stdout()), indent(c.Stderr()))
	return c.Stdout()
}

// start begins a block of one command, without a shell, so that it can be killed.
func (p *page) start(t *testing.T, command string) *component.Process {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(command), "\n")
	if len(lines) != 1 {
		t.Fatalf("more than one command:\n%s", command)
	}
	words := strings.Fields(os.Expand(lines[0], func(name string) string { return strings.TrimSpace(p.shell(t, "echo \"$"+name+"\"")) }))
	server, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	if words[0] != filepath.Base(server) {
		t.Fatalf("not a command of ark-server: %s", command)
	}
	c, err := component.Start(component.Command{Path: server, Name: words[0], Args: words[1:], Env: p.env, Dir: p.root})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}

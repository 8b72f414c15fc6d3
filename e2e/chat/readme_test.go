package chat

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// TestReadme types what README.md says of OpenAI's API, as it is written there, while the demo
// runs: curl and an SDK print a streamed answer. The SDK is the one that is there already, not one
// that npm would fetch.
func TestReadme(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "```sh\ncurl ")
	block, _, ended := strings.Cut("curl "+block, "\n```")
	curl, sdk, both := strings.Cut(block, "\n\n")
	if !found || !ended || !both || !strings.Contains(sdk, "openai") {
		t.Fatalf("README.md has no such commands: %s", block)
	}
	binary, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	demo, err := component.Start(component.Command{Path: binary, Name: "ark-server", Args: []string{"demo", "--secure-port=0"}, Env: []string{"TMPDIR=" + t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := demo.Stop(); err != nil {
			t.Error(err)
		}
	}()
	line, err := demo.WaitStdout(ctx, regexp.MustCompile(`(?m)^ +(export OPENAI_BASE_URL=.*)$`))
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	npm := fmt.Sprintf("#!/bin/sh\n[ \"$*\" = 'install openai' ] && ln -s '%s' node_modules\n", nodeModules(t, root))
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(npm), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	do := func(command string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, "bash", "-c", line[1]+"\n"+command)
		cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+t.TempDir())
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s%s", command, err, out, stderr.String())
		}
		return string(out)
	}
	const answer = "I have looked it up. Rome: "
	if text := do(curl); strings.Count(text, "\ndata: ") < 3 || !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("curl prints %s", text)
	}
	if text := do(sdk); !strings.HasPrefix(text, answer) || !strings.Contains(text, "degrees") {
		t.Errorf("the SDK prints %q", text)
	}
	t.Logf("from the start of the demo to the answers: %s", time.Since(began).Round(time.Millisecond))
}

package cluster

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

var inBrowser = flag.Bool("console", false, "open the console in Chromium, which takes Node.js and what make e2e-console-heavy builds")

// TestConsole opens the console at the direct endpoint, where it sees Ark's kinds and what is the
// cluster's.
func TestConsole(t *testing.T) {
	if !*inBrowser {
		t.Skip("it takes a browser: make e2e-console-heavy")
	}
	e := newEnv(t, component.ClusterOptions{}, "--direct")
	e.apply(t, directRules, "apply", "-f", "-")
	e.apply(t, (&chatEnv{env: e}).recordsService(t), "apply", "-f", "-")
	e.run(t, "wait", "--for=condition=Available", "--timeout=2m", "apiservice/v1alpha1.records.ark.mckinsey.com")
	boss, robot := e.directUser(t, "boss"), e.directUser(t, "robot")

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=tap", "cluster.mjs")
	node.Dir = filepath.Join(e.root, "e2e", "console")
	node.Env = append(os.Environ(), "CONSOLE_URL="+strings.TrimSuffix(e.ark.Direct.Host, "/"), "CONSOLE_TOKEN="+boss.BearerToken, "CONSOLE_FEW_RIGHTS="+robot.BearerToken)
	if out, err := node.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

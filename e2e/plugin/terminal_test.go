package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/golden"
)

// terminal is a real one, by tmux with a server of its own.
type terminal struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, w *world, line ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("tmux is not installed: it is a terminal for this test")
	}
	m := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	shell := fmt.Sprintf("trap : INT; HOME=%s KUBECONFIG=%s PATH=%s:$PATH NO_COLOR=%s %s ark %s; echo exit code $?; sleep 600", w.home, w.kubeconfig, w.bin, os.Getenv("NO_COLOR"), w.kubectl, strings.Join(line, " "))
	m.tmux("-f", os.DevNull, "new-session", "-d", "-x", "110", "-y", "40", "sh", "-c", shell)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", m.socket, "kill-server").Run() }) // it may have ended by itself
	return m
}

func (m *terminal) tmux(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// keys types; Enter, C-c and C-d are keys.
func (m *terminal) keys(keys ...string) {
	m.t.Helper()
	m.tmux(append([]string{"send-keys"}, keys...)...)
}

// wait returns the screen when it has a text.
func (m *terminal) wait(pattern string) string {
	m.t.Helper()
	want, screen := regexp.MustCompile(pattern), ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if screen = strings.TrimRight(m.tmux("capture-pane", "-p"), "\n"); want.MatchString(screen) {
			return screen
		}
	}
	m.t.Fatalf("no %s on the screen:\n%s", pattern, screen)
	return ""
}

// TestTerminal talks at a terminal: history, an approval, Ctrl-C in an answer and at the prompt,
// Ctrl-D.
func TestTerminal(t *testing.T) {
	w := newWorld(t)
	const careful = "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: careful}, spec: {prompt: You are careful., modelRef: {name: default}, tools: [{type: builtin, name: pay, partial: {name: noop}, approval: {required: true}}]}}"
	if code, out := w.run(careful, "create", "-f", "-"); code != 0 {
		t.Fatal(out)
	}
	t.Run("chat", func(t *testing.T) {
		m := newTerminal(t, w, "chat", "agent/careful")
		m.wait(`(?m)^>$`)
		m.keys("hello", "Enter")
		m.wait(`You said: hello\n>`)
		m.keys("Up", "Enter") // the line before
		m.wait(`(?s)You said: hello\n.*You said: hello\n>`)
		m.keys("call it", "Enter")
		m.wait(`May careful call pay .* \[y/n\]`)
		m.keys("y", "Enter")
		m.wait(`approved\nYou said: .*\n>`)
		m.keys("hang", "Enter")
		w.wait(t, "running")
		m.keys("C-c")
		m.wait(`canceled\n>`)
		w.wait(t, "canceled")
		m.keys("C-c")
		m.wait(`(?s)Ctrl-C stops an answer.*\nCtrl-D ends the conversation\.\n>`)
		m.keys("C-d")
		screen := m.wait(`exit code 0`)
		screen = regexp.MustCompile(`chat-[A-Z0-9]{16}`).ReplaceAllString(screen, "chat-XXXXX")
		golden.Compare(t, filepath.Join("testdata", "chat.txt"), screen+"\n", *update, "go test ./plugin -args -update")
	})
	t.Run("top", func(t *testing.T) {
		m := newTerminal(t, w, "top", "--window=1h")
		m.wait(`(?m)^careful +`)
		if code, out := w.run("", "ark", "query", "agent/guide", "fail please"); code != 3 {
			t.Fatalf("%d %s", code, out)
		}
		m.wait(`(?s)\nguide +1 +1 .*ERRORS +MESSAGE\nquery-\S+ +query execution failed: agent default/guide: `)
		m.keys("C-c")
		m.wait(`exit code 0`)
	})
	t.Run("hostile", func(t *testing.T) {
		m := newTerminal(t, w, "query", "agent/guide", `"$(printf 'a\033[2Jb\033]0;title\007c\342\200\256d')"`)
		if screen := m.wait(`exit code 0`); !strings.Contains(screen, "You said: a\ufffd[2Jb\ufffd]0;title\ufffdc\ufffdd") {
			t.Errorf("characters that control the terminal:\n%s", screen)
		}
	})
}

// wait waits until a query has a phase.
func (w *world) wait(t *testing.T, phase string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if code, out := w.run("", "get", "queries", "-o", "jsonpath={.items[*].status.phase}"); code == 0 && strings.Contains(" "+out+" ", " "+phase+" ") {
			return
		}
	}
	t.Fatalf("no query is %s", phase)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDemo checks that the demo answers its first question, and the questions of the printed
// command, and that it leaves no files behind.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := make(chan struct{})
	stdout := &output{wait: "Stop it with", seen: seen}
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"demo"}, stdout, &stderr) }()
	stop := func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d: %s", code, stderr.String())
		}
		ended <- 0
	}
	defer stop()
	select {
	case <-seen:
	case code := <-ended:
		ended <- code
		t.Fatalf("the demo has ended: %s", stderr.String())
	case <-time.After(2 * time.Minute):
		t.Fatal("the demo is not ready")
	}
	text := stdout.String()
	if !strings.Contains(text, "which the team has answered: In short: I have looked it up. Lisbon: ") {
		t.Errorf("got %s", text)
	}
	found := regexp.MustCompile(`--data-dir=(\S+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no folder in %s", text)
	}
	query := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"query", "--data-dir=" + found[1], "--secure-port=0"}, args...), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	if code, answer, fault := query("agent/guide", "How is it in Oslo?"); code != 0 || !strings.HasPrefix(answer, "I have looked it up. Oslo: ") {
		t.Errorf("got %d, %q, %q", code, answer, fault)
	}
	code, answer, fault := query("team/newsroom", "How is it in Rome?", "--stream")
	if lines := strings.Split(strings.TrimSpace(answer), "\n"); code != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "I have looked it up. Rome: ") || lines[1] != "In short: "+lines[0] {
		t.Errorf("got %d, %q, %q", code, answer, fault)
	}
	// A tool streams no output while it works.
	if code, answer, fault := query("tool/weather", `{"city":"Rome"}`, "--stream"); code != 0 || !strings.HasPrefix(answer, "Rome: ") || strings.Count(answer, "degrees") != 1 {
		t.Errorf("got %d, %q, %q", code, answer, fault)
	}
	file := filepath.Join(t.TempDir(), "question")
	if err := os.WriteFile(file, []byte("How is it in Bergen?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, answer, fault := query("agent/guide", "-f", file); code != 0 || !strings.HasPrefix(answer, "I have looked it up. Bergen: ") {
		t.Errorf("got %d, %q, %q", code, answer, fault)
	}
	if code, answer, fault := query("agent/editor", "What is this?", "-f", file); code != 0 || !strings.HasSuffix(answer, "What is this?\n\nHow is it in Bergen?\n") {
		t.Errorf("got %d, %q, %q", code, answer, fault)
	}
	code, answer, fault = query("model/default", "Hello", "-o", "json")
	var object struct {
		Kind   string
		Status struct{ Phase string }
	}
	if err := json.Unmarshal([]byte(answer), &object); code != 0 || err != nil || object.Status.Phase != "done" {
		t.Errorf("got %d, %v, %s, %s", code, err, answer, fault)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"agent/nobody", "Hello"}, 1, "agent 'nobody' does not exist in namespace 'default'"},
		{[]string{"tool/weather", `{"city":1}`, "--timeout=-1s"}, 2, "--timeout=-1s"},
		{[]string{"guide", "Hello"}, 2, "use agent/NAME"},
		{[]string{"agent/guide"}, 2, "say whom and what"},
		{[]string{"agent/guide", "Hello", "-o", "xml"}, 2, "--output=xml"},
		{[]string{"agent/guide", "Hello", "-o", "json", "--stream"}, 2, "--stream"},
		{[]string{"agent/guide", "-f", file + ".missing"}, 1, "--file=" + file + ".missing: no such file"},
	} {
		if code, _, fault := query(c.args...); code != c.code || !strings.Contains(fault, c.want) {
			t.Errorf("%q: got %d, %q", c.args, code, fault)
		}
	}
	stop()
	if _, err := os.Stat(found[1]); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

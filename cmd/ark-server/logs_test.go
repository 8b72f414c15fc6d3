package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// asServer makes the test binary run as the server: the log belongs to the process.
const asServer = "ARK_TEST_AS_SERVER"

// process is the server in a separate process.
type process struct {
	cmd    *exec.Cmd
	stderr *output
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	seen := make(chan struct{})
	stdout := &output{wait: `"msg":"ready"`, seen: seen}
	p := &process{cmd: exec.Command(os.Args[0], args...), stderr: &output{}}
	p.cmd.Env = append(os.Environ(), asServer+"=1")
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v: %s", err, p.stderr)
		}
	})
	select {
	case <-seen:
	case err := <-ended:
		ended <- err
		t.Fatalf("the server ended with %v: %s", err, p.stderr)
	case <-time.After(2 * time.Minute):
		t.Fatalf("not ready: %s %s", stdout, p.stderr)
	}
	return p
}

// TestJSONLogs checks that logs have one JSON object a line, and that the line of a request has the
// audit ID of the answer and the trace ID of the client.
func TestJSONLogs(t *testing.T) {
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "config")
	p := startProcess(t, "--log-format=json", "--secure-port=0", "--db-path="+filepath.Join(dir, "ark.db"), "--kubeconfig-out="+kubeconfig)
	admin, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	const trace = "0af7651916cd43dd8448eb211c80319c"
	get := func(id string) {
		t.Helper()
		code, body := request(t, admin, "GET", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents", "",
			"Audit-ID", id, "traceparent", "00-"+trace+"-b7ad6b7169203331-00", "User-Agent", "log-test/1")
		if code != 200 {
			t.Fatalf("%d %s", code, body)
		}
	}
	get("before")
	if code, body := request(t, admin, "PUT", "/debug/flags/v", "3"); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	get("during")
	var line map[string]any
	for deadline := time.Now().Add(time.Minute); line == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the request is not in the log: %s", p.stderr)
		}
		line = find(t, p.stderr.String(), "during")
	}
	for key, want := range map[string]any{"msg": "HTTP", "level": "DEBUG", "verb": "LIST", "resp": 200.0, "traceID": trace, "userAgent": "log-test/1"} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v, in %v", key, line[key], want, line)
		}
	}
	if latency, ok := line["latency"].(string); !ok || !strings.HasSuffix(latency, "s") {
		t.Errorf("the latency is %v", line["latency"])
	}
	for _, key := range []string{"time", "level", "URI", "latency", "srcIP"} {
		if line[key] == nil {
			t.Errorf("no %s in %v", key, line)
		}
	}
	if find(t, p.stderr.String(), "before") != nil {
		t.Error("a request was logged before the log had that detail")
	}
	token, _ := os.ReadFile(kubeconfig)
	if secret := tokenIn(string(token)); secret == "" || strings.Contains(p.stderr.String(), secret) {
		t.Error("the log tells the admin's token")
	}
}

func tokenIn(kubeconfig string) string {
	_, rest, _ := strings.Cut(kubeconfig, "token: ")
	token, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(token)
}

// find returns the whole line about a request with an audit id. Every line must be JSON.
func find(t *testing.T, log, auditID string) map[string]any {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(log[:strings.LastIndex(log, "\n")+1]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("not JSON: %s", lines.Text())
		}
		if line["audit-ID"] == auditID {
			return line
		}
	}
	return nil
}

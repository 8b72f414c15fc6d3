package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// serving is a whole server, standalone, on SQLite in a temporary folder unless the arguments name
// another storage.
type serving struct {
	admin *rest.Config
	// stop ends the server and waits for its end. It may be called twice.
	stop func()
}

func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "admin.kubeconfig")
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--kubeconfig-out="); ok {
			kubeconfig = path
		}
	}
	args = append([]string{"--keys-dir=" + filepath.Join(dir, "keys"), "--secure-port=0", "--kubeconfig-out=" + kubeconfig}, args...)
	if all := strings.Join(args, " "); !strings.Contains(all, "--storage=") && !strings.Contains(all, "--db-path=") {
		args = append(args, "--db-path="+filepath.Join(dir, "ark.db"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	seen := make(chan struct{})
	stdout := &output{wait: "get agents", seen: seen}
	var stderr bytes.Buffer
	ended := make(chan struct{})
	code := 0
	go func() {
		defer close(ended)
		code = run(ctx, args, stdout, &stderr)
	}()
	s := &serving{stop: func() {
		cancel()
		<-ended
		if code != 0 {
			t.Errorf("exit code %d: %s", code, stderr.String())
		}
	}}
	t.Cleanup(s.stop)
	select {
	case <-seen:
	case <-ended:
		t.Fatal("the server has ended")
	case <-time.After(2 * time.Minute):
		t.Fatal("the server is not ready")
	}
	var err error
	if s.admin, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNothingToWarnOf checks that a server that starts, serves and stops logs no warning.
func TestNothingToWarnOf(t *testing.T) {
	logged := logged(t, func() {
		s := startServing(t)
		if code, body := request(t, s.admin, "GET", "/apis/ark.mckinsey.com/v1alpha1/agents", ""); code != 200 {
			t.Errorf("%d %s", code, body)
		}
		s.stop()
	})
	if logged != "" {
		t.Errorf("it logged:\n%s", logged)
	}
}

// logged returns what do writes to the log of the process.
func logged(t *testing.T, do func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	stderr, ours := os.Stderr, slog.Default()
	os.Stderr = f
	defer func() {
		os.Stderr = stderr
		slog.SetDefault(ours)
		klog.ClearLogger()
		f.Close()
	}()
	do()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// request sends one request and returns the status and the body.
func request(t *testing.T, config *rest.Config, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, config.Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// anonymous is the same server without credentials.
func anonymous(config *rest.Config) *rest.Config { return rest.AnonymousClientConfig(config) }

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// startLines runs a server until the end of the test, and returns the start-up lines.
func startLines(t *testing.T, args ...string) (lines string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	seen := make(chan struct{})
	stdout := &output{wait: "get agents", seen: seen}
	if slices.Contains(args, "--log-format=json") {
		stdout.wait = `"msg":"ready"`
	}
	var stderr bytes.Buffer
	ended := make(chan struct{})
	code := 0
	go func() {
		defer close(ended)
		code = run(ctx, args, stdout, &stderr)
	}()
	stop = func() {
		cancel()
		<-ended
		if code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
	}
	t.Cleanup(stop)
	select {
	case <-seen:
	case <-ended:
		t.Fatalf("%v: the server has ended", args)
	case <-time.After(2 * time.Minute):
		t.Fatalf("%v: the server is not ready", args)
	}
	return stdout.String(), stop
}

// TestUsersAreCounted checks that beyond loopback the start prints the number of users, and that
// the port accepts only TLS there. status always has the number.
func TestUsersAreCounted(t *testing.T) {
	dir := t.TempDir()
	everywhere := []string{"--data-dir=" + dir, "--secure-port=0", "--bind-address=0.0.0.0"}
	lines, stop := startLines(t, everywhere...)
	wantTexts(t, lines, "users       the admin alone")
	r, _ := statusOf(t, 0, everywhere...)
	if !r.Ready || r.Users == nil || *r.Users != 0 {
		t.Errorf("status: %+v", r)
	}
	plain := "http" + strings.TrimPrefix(r.URL, "https")
	answer, err := (&http.Client{Timeout: time.Minute, Transport: &http.Transport{}}).Get(plain + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 400 || !strings.Contains(string(body), "HTTPS") {
		t.Errorf("a request without TLS: %d, %v: %s", answer.StatusCode, err, body)
	}
	for _, args := range [][]string{{"--user=alice"}, {"--user=alice", "--ttl=0"}, {"--user=bob"}} {
		command(t, 0, append(append([]string{"token", "create"}, args...), everywhere...)...)
	}
	if r, _ := statusOf(t, 0, everywhere...); r.Users == nil || *r.Users != 2 {
		t.Errorf("status: %+v", r)
	}
	wantTexts(t, command(t, 0, append([]string{"status"}, everywhere...)...), "users       the admin, and 2 with tokens")
	stop()
	if r, _ := statusOf(t, 1, everywhere...); r.Users != nil {
		t.Errorf("status of a server that does not run: %d users", *r.Users)
	}

	lines, stop = startLines(t, append(everywhere, "--log-format=json")...)
	var line struct{ Users, URL string }
	if err := json.Unmarshal([]byte(lines[:strings.Index(lines, "\n")]), &line); err != nil || line.Users != "the admin, and 2 with tokens (ark-server token list)" {
		t.Errorf("%v: %s", err, lines)
	}
	stop()
	lines, stop = startLines(t, "--data-dir="+dir, "--secure-port=0")
	if strings.Contains(lines, "users") {
		t.Errorf("at loopback: %s", lines)
	}
	stop()
}

// TestServerIsFound checks that a command without an address finds the server at the address that
// the server has written.
func TestServerIsFound(t *testing.T) {
	dir := t.TempDir()
	data := "--data-dir=" + dir
	_, stop := startLines(t, data, "--secure-port=0", quietLimits)
	r, _ := statusOf(t, 0, data)
	if !r.Ready || r.Users == nil || strings.HasSuffix(r.URL, ":6443") {
		t.Errorf("%+v", r)
	}
	wantTexts(t, command(t, 0, "health", data), r.URL+" is ready")
	command(t, 0, "token", "create", "--user=alice", data)
	if r, _ := statusOf(t, 0, data); *r.Users != 1 {
		t.Errorf("%d users: the token was not made at the server", *r.Users)
	}
	wantTexts(t, command(t, 0, "kubeconfig", data), "server: "+r.URL)
	items := newExamination(t, []string{data, quietLimits})
	found := false
	for _, item := range items {
		found = found || item.Name == "server" && item.OK && strings.Contains(item.Message, r.URL+" is ready")
	}
	if !found {
		t.Errorf("doctor: %+v", items)
	}
	// An explicit address takes precedence.
	if r, _ := statusOf(t, 1, data, "--secure-port=1"); r.Running || !strings.HasSuffix(r.URL, ":1") || strings.Contains(r.Problem, "last start") {
		t.Errorf("%+v", r)
	}
	stop()
	// The file of a stopped server leads to no server, and a command that needs no server works.
	again, _ := statusOf(t, 1, data)
	if again.Running || again.URL != r.URL {
		t.Errorf("%+v", again)
	}
	wantTexts(t, again.Problem, "refused", filepath.Join(dir, "admin.kubeconfig"), "last start")
	wantTexts(t, command(t, 0, "token", "list", data), "alice")
}

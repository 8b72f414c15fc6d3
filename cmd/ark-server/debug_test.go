package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/operation"
)

// TestDebug checks that the diagnostic endpoints require permission, and that their content is
// correct.
func TestDebug(t *testing.T) {
	s := startServing(t)
	for _, path := range []string{"/metrics", "/debug/store", "/debug/pprof/", "/debug/pprof/goroutine", "/debug/flags/v"} {
		if code, body := request(t, anonymous(s.admin), "GET", path, ""); code != 401 && code != 403 {
			t.Errorf("anybody may GET %s: %d %.100s", path, code, body)
		}
		if code, body := request(t, s.admin, "GET", path, ""); code != 200 {
			t.Errorf("the admin may not GET %s: %d %.100s", path, code, body)
		}
	}
	if code, _ := request(t, anonymous(s.admin), "PUT", "/debug/flags/v", "5"); code != 401 && code != 403 {
		t.Errorf("anybody may change the log: %d", code)
	}

	if code, body := request(t, s.admin, "POST", "/api/v1/namespaces/default/secrets",
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"token":"hush-hush"}}`, "Content-Type", "application/json"); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	_, text := request(t, s.admin, "GET", "/debug/store", "")
	if strings.Contains(text, "hush-hush") || strings.Contains(text, "aHVzaC1odXNo") {
		t.Error("the report tells what objects hold")
	}
	var r operation.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if r.Build.Version == "" || !strings.HasPrefix(r.Storage, "sqlite in ") || r.Revision.Shown < 2 || r.Revision.Newest != r.Revision.Shown ||
		r.Keys < 1 || len(r.Pools) != 2 || !r.Replica.Maintainer || r.Requests["Txn"]["OK"] < 1 {
		t.Errorf("the report: %s", text)
	}
	found := false
	for _, w := range r.Watches.Open {
		found = found || strings.HasPrefix(w.Key, "/registry/ark.mckinsey.com/queries/")
	}
	if !found {
		t.Errorf("the watch of queries is not in the report: %+v", r.Watches.Open)
	}
}

// TestVerbosity checks that the verbosity of the log can be changed while the server runs.
func TestVerbosity(t *testing.T) {
	s := startServing(t)
	defer request(t, s.admin, "PUT", "/debug/flags/v", "0") // the log belongs to the process
	for _, v := range []string{"4", "0", "2"} {
		if code, body := request(t, s.admin, "PUT", "/debug/flags/v", v); code != 200 {
			t.Errorf("%s: %d %s", v, code, body)
		}
		if _, body := request(t, s.admin, "GET", "/debug/flags/v", ""); body != v+"\n" {
			t.Errorf("it is %q, want %s", body, v)
		}
	}
	for _, v := range []string{"", "7", "-1", "loud"} {
		if code, body := request(t, s.admin, "PUT", "/debug/flags/v", v); code != 400 || !strings.Contains(body, "0 to 6") {
			t.Errorf("%q: %d %s", v, code, body)
		}
	}
}

// TestDebugWithEtcd checks that a server with an external etcd reports that it has no information
// about the storage. The external etcd in this test is our own endpoint.
func TestDebugWithEtcd(t *testing.T) {
	port := freePort(t)
	keys := "--keys-dir=" + t.TempDir() // of both, because they store the same Secrets
	startServing(t, keys, "--etcd-listen=tcp://127.0.0.1:"+port)
	s := startServing(t, keys, "--storage=etcd", "--etcd-servers=http://127.0.0.1:"+port)
	if code, body := request(t, s.admin, "GET", "/debug/store", ""); code != 404 || !strings.Contains(body, "--storage=etcd") {
		t.Errorf("%d %s", code, body)
	}
	_, text := request(t, s.admin, "GET", "/metrics", "")
	if !strings.Contains(text, `ark_build_info{`) || !strings.Contains(text, `storage="etcd"`) || strings.Contains(text, "ark_store_") {
		i := strings.Index(text, "ark_")
		t.Errorf("the metrics are not those of a server without a storage of its own: %.500s", text[max(0, i):])
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// stdoutOf runs a command that succeeds and returns its standard output.
func stdoutOf(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.String()
}

// outputOf runs a command and returns its standard output and exit code.
func outputOf(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, &stdout, &stderr)
	return stdout.String(), code
}

// TestKubeconfigFollowsTheDatabase checks the files whose names follow the database, and the name
// of the server in them.
func TestKubeconfigFollowsTheDatabase(t *testing.T) {
	for _, c := range []struct {
		change     func(*options)
		file, name string
	}{
		{func(*options) {}, "admin.kubeconfig", "ark"},
		{func(o *options) { o.dbPath = "/data/ark.db" }, "/data/admin.kubeconfig", "ark"},
		{func(o *options) { o.dbPath = "/data/team.db" }, "/data/team.admin.kubeconfig", "ark-team"},
		{func(o *options) { o.dbPath = "my team (2).sqlite3" }, "my-team-2.admin.kubeconfig", "ark-my-team-2"},
		{func(o *options) { o.dbPath = ".db" }, "admin.kubeconfig", "ark"},
		{func(o *options) { o.storage, o.db.Name = storagePostgres, "ark" }, "admin.kubeconfig", "ark"},
		{func(o *options) { o.storage, o.db.Name = storageMySQL, "orders" }, "orders.admin.kubeconfig", "ark-orders"},
		{func(o *options) { o.storage, o.db.DSNFile = storagePostgres, "dsn" }, "admin.kubeconfig", "ark"},
		{func(o *options) { o.storage = storageEtcd }, "admin.kubeconfig", "ark"},
		{func(o *options) { o.dbPath, o.kubeconfigOut = "team.db", "x/config" }, "x/config", "ark-team"},
	} {
		o := newOptions()
		c.change(o)
		if o.kubeconfig() != c.file || o.serverName() != c.name {
			t.Errorf("--storage=%s --db-path=%s --db-name=%s: %s in %s, want %s in %s", o.storage, o.dbPath, o.db.Name, o.serverName(), o.kubeconfig(), c.name, c.file)
		}
	}
}

// TestTwoServersInOneFolder checks that two servers in one folder have one kubeconfig each, and can
// share one: each adds an entry, and the existing context stays.
func TestTwoServersInOneFolder(t *testing.T) {
	dir := t.TempDir()
	shared := manifest(t, dir, "config", "# mine\napiVersion: v1\nkind: Config\nclusters: []\ncontexts:\n- context: {cluster: prod, user: me}\n  name: prod\ncurrent-context: prod\n")
	flags := func(name string) []string {
		return []string{"--secure-port=0", "--db-path=" + filepath.Join(dir, name+".db")}
	}
	for _, name := range []string{"ark", "team"} {
		serveIn(t, flags(name)...)
	}
	for name, file := range map[string]string{"ark": "admin.kubeconfig", "team": "team.admin.kubeconfig"} {
		// Each file connects to its own server, and so does the command for it.
		if got := stdoutOf(t, append([]string{"kubeconfig"}, flags(name)...)...); got != readFile(t, filepath.Join(dir, file)) {
			t.Errorf("%s: kubeconfig prints\n%s", name, got)
		}
		wantTexts(t, command(t, 0, append([]string{"health"}, flags(name)...)...), "is ready")
		if got := stdoutOf(t, append([]string{"kubeconfig", "--merge=" + shared}, flags(name)...)...); !strings.Contains(got, "current") {
			t.Errorf("--merge prints %q", got)
		}
	}
	config, err := clientcmd.LoadFromFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Contexts) != 3 || config.Contexts["prod"] == nil || config.Clusters["ark"].Server == config.Clusters["ark-team"].Server ||
		config.AuthInfos["ark-admin"].Token == config.AuthInfos["ark-team-admin"].Token {
		t.Errorf("%+v", config)
	}
	if !strings.HasPrefix(readFile(t, shared), "# mine\n") {
		t.Error("the comment is gone")
	}
	for _, name := range config.Contexts {
		if name.Cluster == "prod" {
			continue
		}
		client, err := clientcmd.NewNonInteractiveClientConfig(*config, name.Cluster, nil, nil).ClientConfig()
		if err != nil {
			t.Fatal(err)
		}
		if status, body := request(t, client, "GET", "/version", ""); status != 200 {
			t.Errorf("%s: %d %s", name.Cluster, status, body)
		}
	}
}

// serveIn starts a server that ends with the test.
func serveIn(t *testing.T, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	seen := make(chan struct{})
	stdout := &output{wait: "get agents", seen: seen}
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, stdout, &stderr) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
	})
	select {
	case <-seen:
	case code := <-ended:
		ended <- code
		t.Fatalf("%v: ended with %d: %s", args, code, stderr.String())
	}
}

// TestKubeconfigIsNotReplaced checks that a kubeconfig that cannot be merged into stays unchanged,
// and that the start prints the fix.
func TestKubeconfigIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	db := "--db-path=" + filepath.Join(dir, "ark.db")
	other := manifest(t, dir, "other", "clusters:\n- name: ark\n  cluster: {server: 'https://10.0.0.1:6443'}\n")
	text := manifest(t, dir, "text", "not a kubeconfig\n")
	for path, want := range map[string][]string{
		other: {"--kubeconfig-out=" + other, "another server (https://10.0.0.1:6443)", "choose another file", "kubectl config delete-cluster ark"},
		text:  {"--kubeconfig-out=" + text, "not a kubeconfig", "choose"},
	} {
		before := readFile(t, path)
		checkFailure(t, []string{db, "--secure-port=0", "--kubeconfig-out=" + path}, 1, want)
		if got := readFile(t, path); got != before {
			t.Errorf("%s was changed: %s", path, got)
		}
	}
}

// TestKubeconfigOfAUser checks that the kubeconfig of another user has a valid token of that user,
// and that its entry fits into one file with the admin's.
func TestKubeconfigOfAUser(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--data-dir=" + dir, "--secure-port=0"}
	serveIn(t, flags...)
	text := stdoutOf(t, append([]string{"kubeconfig", "--user=alice@example.com", "--group=readers", "--ttl=1h"}, flags...)...)
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	status, body := request(t, config, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`)
	switch status {
	case 201:
		wantTexts(t, body, `"alice@example.com"`, `"readers"`)
	case 403, 404: // authenticated, but not authorized
	default:
		t.Errorf("%d: %s", status, body)
	}
	listed := command(t, 0, append([]string{"token", "list"}, flags...)...)
	wantTexts(t, listed, "alice@example.com", "readers")
	file := filepath.Join(dir, "admin.kubeconfig")
	stdoutOf(t, append([]string{"kubeconfig", "--user=bob", "--merge=" + file}, flags...)...)
	merged, err := clientcmd.LoadFromFile(file)
	if err != nil || merged.CurrentContext != "ark-bob" || merged.AuthInfos["ark-admin"] == nil || merged.AuthInfos["ark-bob"] == nil ||
		merged.AuthInfos["ark-admin"].Token == merged.AuthInfos["ark-bob"].Token {
		t.Errorf("%v: %+v", err, merged)
	}
}

func TestKubeconfigFaults(t *testing.T) {
	dir := t.TempDir()
	db := "--db-path=" + filepath.Join(dir, "ark.db")
	checkFailure(t, []string{"kubeconfig", db}, 1, []string{"--keys-dir=" + filepath.Join(dir, "ark.db.keys"), "start it first"})
	checkFailure(t, []string{"health", db, "--secure-port=1"}, 1, []string{"127.0.0.1:1", "refused"})
	checkFailure(t, []string{"health", db, "--secure-port=0"}, 1, []string{"--secure-port=0"})
	serveIn(t, "--secure-port=0", db)
	flags := []string{"kubeconfig", "--secure-port=0", db}
	checkFailure(t, append(flags, "--group=readers"), 2, []string{"--group", "--user=NAME"})
	checkFailure(t, append(flags, "--user=eve", "--ttl=1ms"), 2, []string{"--ttl=1ms", "24h"})
	checkFailure(t, append(flags, "--mode=aggregated"), 2, []string{"--mode=aggregated", "the cluster"})
	checkFailure(t, append(flags, "--server=localhost:6443"), 2, []string{"--server=localhost:6443", "https://HOST:PORT"})
	checkFailure(t, append(flags, "--merge="+filepath.Join(dir, "none", "config")), 1, []string{"--merge=", "no such file", "folder that exists"})
	wantTexts(t, command(t, 0, append(flags, "--server=https://ark.example.com:7443")...), "server: https://ark.example.com:7443", "--tls-san=ark.example.com")
	if got := command(t, 0, append(flags, "--server=https://localhost:7443")...); strings.Contains(got, "tls-san") || !strings.Contains(got, "server: https://localhost:7443") {
		t.Errorf("%s", got)
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
)

// servedStorage is a server in this process.
type servedStorage struct {
	dir, kubeconfig, keys string
	// etcd is the address of its storage.
	etcd string
	stop func()
}

// serveFor starts a standalone server that ends with the test.
func serveFor(t *testing.T, args ...string) *servedStorage {
	t.Helper()
	dir := t.TempDir()
	s := &servedStorage{dir: dir, kubeconfig: filepath.Join(dir, "admin.kubeconfig"), etcd: "unix://" + filepath.Join(dir, "etcd.sock")}
	ctx, stop := context.WithCancel(context.Background())
	seen := make(chan struct{})
	stdout := &output{wait: "get agents", seen: seen}
	var stderr bytes.Buffer
	code := make(chan int, 1)
	s.keys = filepath.Join(dir, "keys")
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--db-path="); ok {
			s.keys = path + ".keys" // the default, where other commands find them
		}
	}
	// No other client writes the statuses that are transferred.
	args = append([]string{"--engine=external", "--secure-port=0", "--etcd-listen=" + s.etcd, "--kubeconfig-out=" + s.kubeconfig, "--keys-dir=" + s.keys}, args...)
	go func() { code <- run(ctx, args, stdout, &stderr) }()
	s.stop = func() {
		stop()
		if got, ok := <-code; ok && got != 0 {
			t.Errorf("the server ended with %d: %s", got, stderr.String())
		}
	}
	select {
	case <-seen:
	case c := <-code:
		stop()
		t.Fatalf("ended with %d: %s", c, stderr.String())
	case <-time.After(time.Minute):
		stop()
		t.Fatalf("not ready: %s", stdout)
	}
	return s
}

func manifest(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantTexts(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("%q does not tell %q", got, text)
		}
	}
}

const twoAgents = `apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: owner, uid: u-1, creationTimestamp: "2025-01-31T12:00:00Z", generation: 7, finalizers: [example.com/hold]}
spec: {prompt: One}
status: {conditions: [{type: Available, status: "True", reason: Fine, message: ok, lastTransitionTime: "2025-01-31T12:00:00Z"}]}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata:
  name: owned
  uid: u-2
  creationTimestamp: "2025-01-31T12:00:00Z"
  ownerReferences: [{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, name: owner, uid: u-1}]
spec: {prompt: Two}
`

// TestImportAndExport transfers files into a database, through a running server into another
// database, back, and into files again.
func TestImportAndExport(t *testing.T) {
	dir := t.TempDir()
	first := "--db-path=" + filepath.Join(dir, "first.db")
	file := manifest(t, dir, "agents.yaml", twoAgents)
	wantTexts(t, command(t, 0, "import", "--from-file="+file, first, "--dry-run"), "nothing was written", "created", "all")
	wantTexts(t, command(t, 0, "import", "--from-file="+file, first), "created", "  all                       2\n")
	wantTexts(t, command(t, 0, "import", "--from-file="+file, first, "--verify"), "unchanged")
	source := serveFor(t, first)
	defer source.stop()

	// From the running server to a stopped one, with the same identities.
	second := "--db-path=" + filepath.Join(dir, "second.db")
	wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+source.kubeconfig, second), "created", "  all                       2\n")
	wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+source.kubeconfig, second), "unchanged")
	wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+source.kubeconfig, second, "--verify"), "unchanged")
	out := filepath.Join(dir, "out.ndjson")
	command(t, 0, "export", "--to-file="+out, second)
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	wantTexts(t, string(written), `"uid":"u-1"`, `"uid":"u-2"`, `"generation":7`, `"creationTimestamp":"2025-01-31T12:00:00Z"`, "example.com/hold", `"type":"Available"`)

	// The way back, through the API of another server: new uids, and owners that follow them.
	back := serveFor(t, "--db-path="+filepath.Join(dir, "back.db"))
	defer back.stop()
	wantTexts(t, command(t, 1, "export", "--to-kubeconfig="+back.kubeconfig, second, "--verify"), "missing in the target", "2 differences")
	wantTexts(t, command(t, 0, "export", "--to-kubeconfig="+back.kubeconfig, second, "--dry-run"), "nothing was written", "created")
	wantTexts(t, command(t, 0, "export", "--to-kubeconfig="+back.kubeconfig, second), "created")
	wantTexts(t, command(t, 0, "export", "--to-kubeconfig="+back.kubeconfig, second), "unchanged")
	wantTexts(t, command(t, 0, "export", "--to-kubeconfig="+back.kubeconfig, second, "--verify"), "unchanged", "Agent default/owned: the target fills in spec.modelRef")
	there := command(t, 0, "export", "--to-file=-", "--storage=etcd", "--etcd-servers="+back.etcd)
	if strings.Contains(there, `"uid":"u-1"`) {
		t.Errorf("the API kept a uid: %s", there)
	}
	wantTexts(t, there, `"name":"owned"`, `"ownerReferences"`, "example.com/hold", `"type":"Available"`)

	// Through the endpoint of a running server, whose watch cache receives the changes.
	command(t, 0, "import", "--from-file=-", "--storage=etcd", "--etcd-servers="+back.etcd) // nothing comes
	more := manifest(t, dir, "more.yaml", strings.ReplaceAll(strings.ReplaceAll(twoAgents, "owne", "more"), "u-", "m-"))
	wantTexts(t, command(t, 0, "import", "--from-file="+more, "--storage=etcd", "--etcd-servers="+back.etcd), "created")
	third := "--db-path=" + filepath.Join(dir, "third.db")
	wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+back.kubeconfig, third), "  all                       4\n")
	wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+back.kubeconfig, third, "--verify"), "unchanged")
}

// TestImportBesideARunningServer imports into a database server while an ark-server runs on it.
func TestImportBesideARunningServer(t *testing.T) {
	for storage, fresh := range map[string]func(testing.TB) database.Config{
		storagePostgres: postgresServer.Database, storageMySQL: mariadbServer.Database,
	} {
		t.Run(storage, func(t *testing.T) {
			cfg := fresh(t)
			flags := []string{"--storage=" + storage, "--db-wait=0"}
			if cfg.DSNFile != "" {
				flags = append(flags, "--db-dsn-file="+cfg.DSNFile)
			} else {
				flags = append(flags, "--db-host="+cfg.Host, fmt.Sprintf("--db-port=%d", cfg.Port), "--db-name="+cfg.Name, "--db-user="+cfg.User)
			}
			s := serveFor(t, flags...)
			defer s.stop()
			dir := t.TempDir()
			file := manifest(t, dir, "agents.yaml", twoAgents)
			wantTexts(t, command(t, 0, append([]string{"import", "--from-file=" + file}, flags...)...), "created")
			wantTexts(t, command(t, 0, append([]string{"import", "--from-file=" + file}, flags...)...), "unchanged")
			// The server has them.
			copied := "--db-path=" + filepath.Join(dir, "copy.db")
			wantTexts(t, command(t, 0, "import", "--from-kubeconfig="+s.kubeconfig, copied), "  all                       2\n")
			wantTexts(t, command(t, 0, append([]string{"import", "--from-kubeconfig=" + s.kubeconfig, "--verify"}, flags...)...), "unchanged")
		})
	}
}

func TestTransferFailures(t *testing.T) {
	dir := t.TempDir()
	db := "--db-path=" + filepath.Join(dir, "ark.db")
	file := manifest(t, dir, "agents.yaml", twoAgents)
	broken := manifest(t, dir, "broken.yaml", twoAgents+"---\nkind: [\n")
	refused := manifest(t, dir, "refused.yaml", strings.Replace(twoAgents, "{prompt: Two}", "{prompt: [hush-hush]}", 1))
	config := manifest(t, dir, "config", "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: here, context: {cluster: c}}, {name: there, context: {cluster: c}}]\n")
	for _, c := range []struct {
		name string
		code int
		args []string
		want []string
	}{
		{"no source", 2, []string{"import", db}, []string{"--from-kubeconfig", "--from-file"}},
		{"two sources", 2, []string{"import", db, "--from-file=x", "--from-kubeconfig=y"}, []string{"--from-file=x", "leave one of them out"}},
		{"a context of nothing", 2, []string{"import", db, "--from-file=x", "--context=y"}, []string{"--context=y", "--from-kubeconfig"}},
		{"no target", 2, []string{"export", db}, []string{"--to-file", "--to-kubeconfig"}},
		{"no format", 2, []string{"export", db, "--to-file=x.txt"}, []string{"--to-file=x.txt", "--format"}},
		{"an unknown format", 2, []string{"export", db, "--to-file=x", "--format=xml"}, []string{"--format=xml", "yaml or ndjson"}},
		{"verify a file", 2, []string{"export", db, "--to-file=x.yaml", "--verify"}, []string{"--verify", "--to-kubeconfig"}},
		{"no such file", 1, []string{"import", db, "--from-file=" + dir + "/none.yaml"}, []string{"--from-file=", "none.yaml", "no such file"}},
		{"no such kubeconfig", 1, []string{"import", db, "--from-kubeconfig=" + dir + "/none"}, []string{"--from-kubeconfig=", "no such file"}},
		{"no such context", 1, []string{"import", db, "--from-kubeconfig=" + config, "--context=prod"}, []string{`no context "prod"`, "here, there"}},
		{"no current context", 1, []string{"import", db, "--from-kubeconfig=" + config}, []string{"no current context", "--context", "here, there"}},
		{"nobody there", 1, []string{"import", db, "--from-kubeconfig=" + config, "--context=here"}, []string{"--from-kubeconfig=", "127.0.0.1:1", "refused"}},
		{"no database to read", 1, []string{"export", "--db-path=" + dir + "/none.db", "--to-file=" + dir + "/x.yaml"}, []string{"--db-path=", "no such file"}},
		{"a text cut off", 1, []string{"import", db, "--from-file=" + broken}, []string{"broken.yaml, line 1"}},
		{"a text refused", 1, []string{"import", db, "--from-file=" + refused}, []string{"refused.yaml, line 7", "could not read it", "1 objects were not taken"}},
		{"a file that exists", 1, []string{"export", db, "--to-file=" + file}, []string{"--to-file=" + file, "exists already"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := command(t, c.code, c.args...)
			wantTexts(t, out, c.want...)
			if strings.Contains(out, "hush") {
				t.Errorf("a value was told: %s", out)
			}
		})
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != twoAgents {
		t.Errorf("the file was changed: %v", err)
	}
	s := serveFor(t, db)
	defer s.stop()
	wantTexts(t, command(t, 1, "import", db, "--from-file="+file), "--db-path=", "has it open", "--etcd-listen")
	wantTexts(t, command(t, 1, "export", db, "--to-file="+dir+"/y.yaml"), "--db-path=", "has it open", "--etcd-listen")
}

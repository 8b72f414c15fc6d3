package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

var ark = Entry{Name: "ark", User: "ark-admin", Server: "https://127.0.0.1:6443", CA: []byte("authority of ark"), Token: "secret"}

// prod is a kubeconfig as people have it: with comments, fields that no Go type knows, and a
// current context.
const prod = `# mine
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: cHJvZA==
    server: https://prod.example.com
    x-team: payments # of a plugin
  name: prod
contexts:
- context:
    cluster: prod
    namespace: "on"
    user: me
  name: prod
current-context: prod
kind: Config
preferences: {}
x-plugin: {a: [1, 2]}
users:
- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args: ["token", "0x1F"]
      command: login
`

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func merge(t *testing.T, e Entry, path string, always bool) bool {
	t.Helper()
	switched, err := e.Merge(path, always)
	if err != nil {
		t.Fatal(err)
	}
	return switched
}

// Every line of the old file is in the new one, in its order, but for the current context.
func TestTheRestIsKept(t *testing.T) {
	path := write(t, prod)
	if !merge(t, ark, path, false) {
		t.Error("a new context is not the current one")
	}
	got := read(t, path)
	rest := got
	for line := range strings.Lines(prod) {
		if strings.HasPrefix(line, "current-context") {
			continue
		}
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("%q is gone, or moved:\n%s", line, got)
		}
		rest = after
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != "ark" || len(config.Contexts) != 2 || len(config.Clusters) != 2 || len(config.AuthInfos) != 2 {
		t.Errorf("%+v", config)
	}
	if c := config.Contexts["ark"]; c.Cluster != "ark" || c.AuthInfo != "ark-admin" || c.Namespace != "default" {
		t.Errorf("context %+v", c)
	}
	if c := config.Clusters["ark"]; c.Server != ark.Server || string(c.CertificateAuthorityData) != string(ark.CA) {
		t.Errorf("cluster %+v", c)
	}
	if config.AuthInfos["ark-admin"].Token != "secret" || config.Clusters["prod"].Server != "https://prod.example.com" {
		t.Errorf("%+v", config)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %s, %v", info.Mode(), err)
	}
}

// A restart updates the server's own entries: not what users set in them, and not the current
// context that a user has chosen since.
func TestUpdate(t *testing.T) {
	path := write(t, prod)
	merge(t, ark, path, false)
	text := strings.ReplaceAll(read(t, path), "current-context: ark", "current-context: prod")
	text = strings.ReplaceAll(text, "namespace: default", "namespace: team-a")
	text = strings.ReplaceAll(text, "server: https://127.0.0.1:6443", "server: https://127.0.0.1:6443 # laptop\n    tls-server-name: localhost")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := ark
	moved.Server, moved.Token = "https://127.0.0.1:7443", "another"
	if merge(t, moved, path, false) {
		t.Error("the context was switched")
	}
	want := strings.ReplaceAll(strings.ReplaceAll(text, "127.0.0.1:6443", "127.0.0.1:7443"), "token: secret", "token: another")
	if got := read(t, path); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Asked for by name, it is switched.
	if !merge(t, moved, path, true) || !strings.Contains(read(t, path), "current-context: ark\n") {
		t.Error("the context was not switched")
	}
}

func TestNothingToChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	merge(t, ark, path, false)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	merge(t, ark, path, false)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(info.ModTime()) < time.Minute {
		t.Error("a file that does not change is written")
	}
	if info.Mode() != 0o600 {
		t.Errorf("a new file has mode %s", info.Mode())
	}
	text, err := ark.YAML()
	if err != nil || string(text) != read(t, path) {
		t.Errorf("YAML prints %s, %v", text, err)
	}
}

// Files that hold nothing yet, in all the ways to write that.
func TestEmpty(t *testing.T) {
	for _, content := range []string{"", "\n", "# nothing yet\n", "---\n", "null\n", "{}\n", "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: null\nusers:\ncurrent-context: \"\"\n", `{"apiVersion":"v1","kind":"Config","clusters":[]}`} {
		path := write(t, content)
		if !merge(t, ark, path, false) {
			t.Errorf("%q: not switched", content)
		}
		config, err := clientcmd.LoadFromFile(path)
		if err != nil {
			t.Fatalf("%q: %v\n%s", content, err, read(t, path))
		}
		if err := clientcmd.Validate(*config); err != nil || config.CurrentContext != "ark" {
			t.Errorf("%q: %v, current context %q", content, err, config.CurrentContext)
		}
		if strings.HasPrefix(content, "# ") && !strings.Contains(read(t, path), "# nothing yet") {
			t.Error("the comment is gone")
		}
	}
}

// What is not to be changed stays as it is, byte for byte.
func TestRefused(t *testing.T) {
	other := "apiVersion: v1\nkind: Config\nclusters:\n- cluster: {server: \"https://other\", certificate-authority-data: b3RoZXI=}\n  name: ark\n"
	for name, c := range map[string]struct{ content, want string }{
		"another server": {other, `cluster "ark" of another server (https://other)`},
		"a foreign user": {"users:\n- name: ark-admin\n  user: {token: prod}\n", `user "ark-admin"`},
		"a context":      {"contexts:\n- name: ark\n  context: {cluster: prod, user: me}\n", `context "ark"`},
		"not YAML":       {"a: [", "not YAML"},
		"a list":         {"- a\n", "not a kubeconfig"},
		"text":           {"hello\n", "not a kubeconfig"},
		"another kind":   {"kind: Pod\n", `kind is "Pod"`},
		"two documents":  {prod + "---\n" + prod, "more than one"},
		"a mapping":      {"clusters: {ark: {}}\n", "clusters is not a list"},
		"a string":       {"clusters:\n- name: ark\n  cluster: no\nusers: 7\n", "not a"},
		"an anchor": {"clusters:\n- name: prod\n  cluster: &c\n    server: https://127.0.0.1:6443\n- name: ark\n  cluster: *c\n",
			"anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.content)
			_, err := ark.Merge(path, true)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if got := read(t, path); got != c.content {
				t.Errorf("the file was changed:\n%s", got)
			}
			onlyFile(t, path)
		})
	}
	var conflict *ConflictError
	if _, err := ark.Merge(write(t, other), false); !errors.As(err, &conflict) || conflict.Server != "https://other" {
		t.Errorf("%v", err)
	}
}

// onlyFile checks that no temporary file and no lock is left.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// A server that is set up again at the address of an old one takes its place.
func TestSameAddress(t *testing.T) {
	path := write(t, prod)
	merge(t, ark, path, false)
	again := ark
	again.CA, again.Token = []byte("a new authority"), "new"
	merge(t, again, path, false)
	config, err := clientcmd.LoadFromFile(path)
	if err != nil || config.AuthInfos["ark-admin"].Token != "new" || string(config.Clusters["ark"].CertificateAuthorityData) != "a new authority" {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "dotfiles", "config")
	if err := os.Mkdir(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "config")
	if err := os.Symlink(filepath.Join("dotfiles", "config"), link); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first time to a file that does not exist
		merge(t, ark, link, false)
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Fatalf("the link was replaced: %v", err)
		}
		if !strings.Contains(read(t, target), "name: ark") {
			t.Error("the target was not written")
		}
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if _, err := ark.Merge(loop, false); err == nil {
		t.Error("a loop of links was written")
	}
}

// Servers that start at the same time lose nobody's entry.
func TestConcurrent(t *testing.T) {
	path := write(t, prod)
	const servers = 20
	var group sync.WaitGroup
	for n := range servers {
		group.Go(func() {
			e := ark
			e.Name, e.CA = fmt.Sprintf("ark-%d", n), fmt.Appendf(nil, "authority %d", n)
			e.User = e.Name + "-admin"
			if _, err := e.Merge(path, false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	config, err := clientcmd.LoadFromFile(path)
	if err != nil || len(config.Contexts) != servers+1 || len(config.AuthInfos) != servers+1 {
		t.Errorf("%d contexts, %v", len(config.Contexts), err)
	}
	onlyFile(t, path)
}

// The lock of a program that was killed is taken over; that of one at work is waited for.
func TestLock(t *testing.T) {
	path := write(t, prod)
	name := path + ".lock"
	if err := os.WriteFile(name, nil, 0); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	merge(t, ark, path, false)
	onlyFile(t, path)

	if err := os.WriteFile(name, nil, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	moved := ark
	moved.Token = "moved"
	go func() {
		_, err := moved.Merge(path, false)
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the lock of another program was not respected: %v", err)
	case <-time.After(5 * lockPoll):
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || !strings.Contains(read(t, path), "token: moved") {
		t.Errorf("after the lock was released: %v", err)
	}
	// client-go's own writer uses the same lock.
	if err := os.WriteFile(name, nil, 0); err != nil {
		t.Fatal(err)
	}
	options := clientcmd.NewDefaultPathOptions()
	options.GlobalFile, options.LoadingRules.ExplicitPath = path, path
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config.CurrentContext = "prod"
	if err := clientcmd.ModifyConfig(options, *config, false); err == nil || !strings.Contains(err.Error(), ".lock") {
		t.Errorf("kubectl does not take the lock %s: %v", name, err)
	}
}

func TestDefaultPath(t *testing.T) {
	dir := t.TempDir()
	second := filepath.Join(dir, "second")
	if err := os.WriteFile(second, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, third := filepath.Join(dir, "first"), filepath.Join(dir, "third")
	list := func(paths ...string) string { return strings.Join(paths, string(filepath.ListSeparator)) }
	for variable, want := range map[string]string{
		first:                      first,
		list(first, second, third): second,
		list("", first, third):     third,
		"":                         filepath.Join(dir, ".kube", "config"),
	} {
		t.Setenv("KUBECONFIG", variable)
		t.Setenv("HOME", dir)
		if got, err := DefaultPath(); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", variable, got, err, want)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watched polls every file below a folder, and records the files to which other users than the
// owner had any permission at any moment.
type watched struct {
	mu   sync.Mutex
	seen map[string]bool
	open []string
	stop chan struct{}
	done sync.WaitGroup
}

func watch(dir string) *watched {
	w := &watched{seen: map[string]bool{}, stop: make(chan struct{})}
	w.done.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
				w.look(dir)
			}
		}
	})
	return w
}

func (w *watched) look(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return nil // it is gone again
		}
		info, err := os.Lstat(path)
		if err != nil {
			return nil
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		name := strings.TrimPrefix(path, dir+"/")
		if strings.HasPrefix(name, "decoy-") {
			return nil // the test's own
		}
		if mode := info.Mode(); mode.Perm()&0o077 != 0 && len(w.open) < 10 {
			w.open = append(w.open, fmt.Sprintf("%s %v", name, mode))
		}
		w.seen[name] = true
		return nil
	})
}

func (w *watched) end(t *testing.T, want ...string) {
	t.Helper()
	close(w.stop)
	w.done.Wait()
	if len(w.open) > 0 {
		t.Errorf("others had rights to %q", w.open)
	}
	for _, name := range want {
		if !w.seen[name] {
			t.Errorf("%s was never seen", name)
		}
	}
}

// umasked runs this test binary as ark-server under a umask.
func umasked(t *testing.T, mask string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"-c", `umask "$0"; exec "$@"`, mask, self}, args...)...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	return cmd
}

// TestFilesArePrivate checks that every file that any command writes is accessible only to its
// owner, at every moment, with any umask: no other user has a permission. If the tests run as root,
// a process of another user continuously tries to open each file.
func TestFilesArePrivate(t *testing.T) {
	for _, mask := range []string{"000", "022", "077"} {
		t.Run(mask, func(t *testing.T) {
			dir := t.TempDir()
			// Other users may list the folder, so that they see the names.
			if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
			given := t.TempDir()
			manifest, policy, cert, key := filepath.Join(given, "agents.yaml"), filepath.Join(given, "policy.yaml"), filepath.Join(given, "crt.pem"), filepath.Join(given, "key.pem")
			for path, text := range map[string]string{manifest: twoAgents, policy: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w := watch(dir)
			s := watchAsStranger(t, dir)
			writeEverything(t, mask, dir, manifest, func(do func(code int, args ...string)) {
				// The server stops before it serves, because the cluster does not have its account, but after
				// it has created its files.
				if err := errors.Join(copyFile(filepath.Join(dir, "ark.db.keys", "server.crt"), cert), copyFile(filepath.Join(dir, "ark.db.keys", "server.key"), key)); err != nil {
					t.Fatal(err)
				}
				admin, err := os.ReadFile(filepath.Join(dir, "admin.kubeconfig"))
				if err != nil {
					t.Fatal(err)
				}
				stranger := filepath.Join(given, "stranger.kubeconfig")
				if err := os.WriteFile(stranger, regexp.MustCompile(`(?m)^(\s*token:).*$`).ReplaceAll(admin, []byte("$1 wrong")), 0o600); err != nil {
					t.Fatal(err)
				}
				do(1, "--mode=aggregated", "--kubeconfig="+stranger, "--tls-cert-file="+cert, "--tls-private-key-file="+key,
					"--db-path="+filepath.Join(dir, "cluster.db"), "--secure-port=0", "--audit-policy-file="+policy, "--audit-log-path="+filepath.Join(dir, "audit.log"))
			})
			w.look(dir)
			s.end(t)
			w.end(t, "ark.db", "ark.db-wal", "ark.db-shm", "ark.db.lock", "ark.db.mark", "ark.db.reserve", "ark.db.keys", "ark.db.keys/admin.token",
				"ark.db.keys/ca.key", "ark.db.keys/server.key", "ark.db.keys/database.mark", "admin.kubeconfig", "etcd.sock", "live.ndjson", "backup.db",
				"ark.db.replaced-1", "out.yaml", "merged.kubeconfig", "old.kubeconfig", "cluster.db", "second.db", "audit.log")
		})
	}
}

// writeEverything runs every command that writes files into a folder, and more while a server runs.
func writeEverything(t *testing.T, mask, dir, manifest string, more func(do func(code int, args ...string))) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	do := func(code int, args ...string) {
		t.Helper()
		cmd := umasked(t, mask, args...)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	do(0, "import", "--from-file="+manifest, "--db-path="+at("ark.db"))
	server := umasked(t, mask, "--db-path="+at("ark.db"), "--secure-port=0", "--etcd-listen=unix://"+at("etcd.sock"))
	seen := make(chan struct{})
	server.Stdout = &output{wait: "get agents", seen: seen}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() }) // where the test has failed before its end
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case <-seen:
	case err := <-ended:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the server does not start")
	}
	do(0, "kubeconfig", "--db-path="+at("ark.db"), "--merge="+at("merged.kubeconfig"))
	if err := os.WriteFile(at("old.kubeconfig"), []byte("apiVersion: v1\nkind: Config\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(0, "kubeconfig", "--db-path="+at("ark.db"), "--merge="+at("old.kubeconfig"))
	do(0, "export", "--to-file="+at("live.ndjson"), "--storage=etcd", "--etcd-servers=unix://"+at("etcd.sock"), "--keys-dir="+at("ark.db.keys"), "--secrets")
	do(0, "backup", "--db-path="+at("ark.db"), "--to="+at("backup.db"))
	do(0, "check", "--db-path="+at("ark.db"))
	more(do)
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	do(0, "restore", "--db-path="+at("ark.db"), "--from="+at("backup.db"))
	do(0, "restore", "--db-path="+at("ark.db"), "--bump-revision")
	do(0, "check", "--db-path="+at("ark.db"))
	do(0, "export", "--to-file="+at("out.yaml"), "--db-path="+at("ark.db"), "--secrets")
	do(0, "import", "--from-file="+at("live.ndjson"), "--db-path="+at("second.db"))
	do(0, "crds")
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// TestKilledWritersLeaveNothing checks that an export, a backup or a restore that is killed leaves
// only a complete file, or none, and that other users cannot read any of its bytes.
func TestKilledWritersLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ark.db")
	manifest := filepath.Join(t.TempDir(), "agents.ndjson")
	writeAgents(t, manifest, 2000)
	command(t, 0, "import", "--from-file="+manifest, "--db-path="+path)
	backup := filepath.Join(t.TempDir(), "backup.db")
	command(t, 0, "backup", "--to="+backup, "--db-path="+path)
	for i := range 18 {
		kind, out := "export", filepath.Join(dir, "out.ndjson")
		args := []string{"export", "--to-file=" + out, "--db-path=" + path}
		switch i % 3 {
		case 1:
			kind, out = "backup", filepath.Join(dir, "copy.db")
			args = []string{"backup", "--to=" + out, "--db-path=" + path}
		case 2:
			kind, out = "restore", filepath.Join(dir, "restored.db")
			args = []string{"restore", "--from=" + backup, "--db-path=" + out}
		}
		w := watch(dir)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+i*40)*time.Millisecond)
		cmd := umasked(t, "000", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killed := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or done
		killed()
		cancel()
		w.end(t)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, "ark.db") || name == "out.ndjson" || name == "copy.db" || strings.HasPrefix(name, "restored.db") {
				continue
			}
			t.Errorf("a killed %s left %s", kind, name)
		}
		_ = os.Remove(out)
		_ = os.Remove(out + ".mark") // of the restore before
	}
}

// writeAgents writes a file to import, of 2 KB an agent.
func writeAgents(t *testing.T, path string, n int) {
	t.Helper()
	var many strings.Builder
	for i := range n {
		fmt.Fprintf(&many, "{\"apiVersion\":\"ark.mckinsey.com/v1alpha1\",\"kind\":\"Agent\",\"metadata\":{\"name\":\"a-%d\"},\"spec\":{\"prompt\":%q}}\n", i, strings.Repeat("x", 2000))
	}
	if err := os.WriteFile(path, []byte(many.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

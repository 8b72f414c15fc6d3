package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watched looks at every file below a folder all the time, and remembers those that others
// than the owner had any right to, at any moment.
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

// Every file that any command writes is its owner's alone, at every moment, whatever the umask.
func TestFilesArePrivate(t *testing.T) {
	for _, mask := range []string{"000", "022", "077"} {
		t.Run(mask, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			manifest := filepath.Join(t.TempDir(), "agents.yaml")
			if err := os.WriteFile(manifest, []byte(twoAgents), 0o600); err != nil {
				t.Fatal(err)
			}
			w := watch(dir)
			do := func(args ...string) {
				t.Helper()
				if out, err := umasked(t, mask, args...).CombinedOutput(); err != nil {
					t.Fatalf("%q: %v: %s", args, err, out)
				}
			}
			do("import", "--from-file="+manifest, "--db-path="+at("ark.db"))
			server := umasked(t, mask, "--db-path="+at("ark.db"), "--secure-port=0", "--etcd-listen=unix://"+at("etcd.sock"))
			seen := make(chan struct{})
			server.Stdout = &output{wait: "get agents", seen: seen}
			server.Stderr = os.Stderr
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- server.Wait() }()
			select {
			case <-seen:
			case err := <-ended:
				t.Fatalf("the server ended: %v", err)
			case <-time.After(2 * time.Minute):
				_ = server.Process.Kill()
				t.Fatal("the server does not start")
			}
			do("export", "--to-file="+at("live.ndjson"), "--storage=etcd", "--etcd-servers=unix://"+at("etcd.sock"))
			do("backup", "--db-path="+at("ark.db"), "--to="+at("backup.db"))
			if err := server.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			do("restore", "--db-path="+at("ark.db"), "--from="+at("backup.db"))
			do("export", "--to-file="+at("out.yaml"), "--db-path="+at("ark.db"))
			w.look(dir)
			w.end(t, "ark.db", "ark.db-wal", "ark.db-shm", "ark.db.lock", "ark.db.keys", "ark.db.keys/admin.token", "ark.db.keys/ca.key",
				"admin.kubeconfig", "etcd.sock", "live.ndjson", "backup.db", "ark.db.replaced-1", "out.yaml")
		})
	}
}

// An export or a backup that is killed leaves nothing that others may read, and nothing of
// an export but its file once complete.
func TestKilledWritersLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ark.db")
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "{\"apiVersion\":\"ark.mckinsey.com/v1alpha1\",\"kind\":\"Agent\",\"metadata\":{\"name\":\"a-%d\"},\"spec\":{\"prompt\":%q}}\n", i, strings.Repeat("x", 2000))
	}
	manifest := filepath.Join(t.TempDir(), "agents.ndjson")
	if err := os.WriteFile(manifest, []byte(many.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 0, "import", "--from-file="+manifest, "--db-path="+path)
	for i := range 12 {
		kind, out := "export", filepath.Join(dir, "out.ndjson")
		args := []string{"export", "--to-file=" + out, "--db-path=" + path}
		if i%2 == 1 {
			kind, out = "backup", filepath.Join(dir, "copy.db")
			args = []string{"backup", "--to=" + out, "--db-path=" + path}
		}
		w := watch(dir)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+i*60)*time.Millisecond)
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
			partial := strings.HasPrefix(name, ".copy.db.ark-") // also of the backup before
			if strings.HasPrefix(name, "ark.db") || name == "out.ndjson" || name == "copy.db" || partial {
				continue
			}
			t.Errorf("a killed %s left %s", kind, name)
		}
		_ = os.Remove(out)
	}
	// The next one that is let be removes what those before it left.
	command(t, 0, "backup", "--to="+filepath.Join(dir, "copy.db"), "--db-path="+path)
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("there is %q (%v)", left, err)
	}
}

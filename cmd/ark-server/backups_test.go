package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Of two backups at once to one name the first that is done gets it. Neither touches the file of
// the other while it is written; what a killed one left goes with the next backup into that
// folder, whatever its name.
func TestBackupsAtOnce(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "ark.db"), filepath.Join(dir, "backups")
	writeAgents(t, filepath.Join(dir, "agents.ndjson"), 2000)
	command(t, 0, "import", "--from-file="+filepath.Join(dir, "agents.ndjson"), "--db-path="+path)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(folder, "copy.db")
	temporary := func() []string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(folder, ".*.tmp"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	written := func() bool {
		for _, name := range temporary() {
			if info, err := os.Lstat(name); err == nil && info.Size() > 0 {
				return true
			}
		}
		return false
	}

	// One that is stopped in the middle. Where it was faster, the next try.
	var slow *exec.Cmd
	var partial string
	var out output
	for partial == "" {
		slow = umasked(t, "000", "backup", "--db-path="+path, "--to="+to)
		slow.Stdout, slow.Stderr = &out, &out
		if err := slow.Start(); err != nil {
			t.Fatal(err)
		}
		process := slow.Process
		t.Cleanup(func() { _ = process.Kill() })
		for deadline := time.Now().Add(time.Minute); !written(); {
			if _, err := os.Lstat(to); err == nil {
				break // it is done
			}
			if time.Now().After(deadline) {
				t.Fatalf("the backup writes nothing: %s", out.String())
			}
		}
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if names := temporary(); len(names) > 0 {
			partial = names[0]
			break
		}
		_ = process.Signal(syscall.SIGCONT)
		_ = slow.Wait()
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
	}

	command(t, 0, "backup", "--db-path="+path, "--to="+to)
	if names := temporary(); len(names) != 1 || names[0] != partial {
		t.Fatalf("beside the backup that is stopped there is %q, want %s", names, partial)
	}
	if err := slow.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := slow.Wait(); err == nil || !strings.Contains(out.String(), "exists: choose another name") {
		t.Errorf("the slow one: %v: %s", err, out.String())
	}
	if names := temporary(); len(names) > 0 {
		t.Errorf("it has left %q", names)
	}
	command(t, 0, "check", "--db-path="+to)

	// One that is killed there.
	for len(temporary()) == 0 {
		killed := umasked(t, "000", "backup", "--db-path="+path, "--to="+filepath.Join(folder, "monday.db"))
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); !written(); {
			if _, err := os.Lstat(filepath.Join(folder, "monday.db")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the backup writes nothing")
			}
		}
		_ = killed.Process.Kill()
		_ = killed.Wait()
		_ = os.Remove(filepath.Join(folder, "monday.db"))
	}
	command(t, 0, "backup", "--db-path="+path, "--to="+filepath.Join(folder, "tuesday.db"))
	if names := temporary(); len(names) > 0 {
		t.Errorf("what the killed one left is still there: %q", names)
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBackupsAtOnce checks that concurrent backups to one name do not touch each other's files,
// which have no name until they are complete. The first complete backup gets the name.
func TestBackupsAtOnce(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "ark.db"), filepath.Join(dir, "backups")
	writeAgents(t, filepath.Join(dir, "agents.ndjson"), 2000)
	command(t, 0, "import", "--from-file="+filepath.Join(dir, "agents.ndjson"), "--db-path="+path)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(folder, "copy.db")

	// Stop one backup in the middle. If it was faster than the signal, try again.
	slow := umasked(t, "000", "backup", "--db-path="+path, "--to="+to)
	var out output
	for stopped := false; !stopped; {
		slow = umasked(t, "000", "backup", "--db-path="+path, "--to="+to)
		out = output{}
		slow.Stdout, slow.Stderr = &out, &out
		if err := slow.Start(); err != nil {
			t.Fatal(err)
		}
		process := slow.Process
		t.Cleanup(func() { _ = process.Kill() })
		for deadline := time.Now().Add(time.Minute); !stopped; {
			if stopped = writesNameless(process.Pid, folder); stopped {
				if err := process.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Lstat(to); err == nil {
				stopped = false // it is done
				_ = process.Signal(syscall.SIGCONT)
				_ = slow.Wait()
				if err := os.Remove(to); err != nil {
					t.Fatal(err)
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the backup writes nothing: %s", out.String())
			}
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("a backup that is under way has %v in its folder, %v", entries, err)
	}
	command(t, 0, "backup", "--db-path="+path, "--to="+to)
	if err := slow.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := slow.Wait(); err == nil || !strings.Contains(out.String(), "exists: choose another name") {
		t.Errorf("the slow one: %v: %s", err, out.String())
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup there is %v, %v", entries, err)
	}
	command(t, 0, "check", "--db-path="+to)
}

// writesNameless reports whether a process has written to a file of the folder that has no name.
func writesNameless(pid int, folder string) bool {
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, name := range open {
		target, err := os.Readlink(name)
		if err != nil || !strings.HasPrefix(target, folder+"/#") {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

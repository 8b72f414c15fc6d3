package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asStranger makes the test binary try to open everything below a folder, as a user that is neither
// root nor any other user of the machine, until its standard input ends.
const asStranger = "ARK_TEST_AS_STRANGER"

const strangerID = 54321

// stranger is a process that prints the name of each file that it could open, connect to or list.
type stranger struct {
	dir    string
	cmd    *exec.Cmd
	stdin  io.Closer
	opened chan string
}

// watchAsStranger starts a stranger, or returns nil if the tests do not run as root.
func watchAsStranger(t *testing.T, dir string) *stranger {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("only root can be another user: run as root to have one try to open the files")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{dir: dir, cmd: exec.Command(self), opened: make(chan string, 1000)}
	s.cmd.Env = append(os.Environ(), asStranger+"="+dir)
	s.cmd.Stderr = os.Stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // where the test has failed before the end
	go func() {
		defer close(s.opened)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.opened <- lines.Text()
		}
	}()
	s.decoy(t, "before")
	return s
}

// decoy checks that the stranger opens a file that it may open.
func (s *stranger) decoy(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(s.dir, "decoy-"+name)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o604)); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	limit := time.After(time.Minute)
	for {
		select {
		case got, more := <-s.opened:
			switch {
			case got == filepath.Base(path):
				return
			case !more:
				t.Fatal("the stranger has ended")
			case !strings.HasPrefix(got, "decoy-"):
				t.Errorf("another user could open %s", got)
			}
		case <-limit:
			t.Fatal("the stranger does not open even what it may")
		}
	}
}

func (s *stranger) end(t *testing.T) {
	t.Helper()
	if s == nil {
		return
	}
	s.decoy(t, "after")
	s.stdin.Close()
	for name := range s.opened {
		if !strings.HasPrefix(name, "decoy-") {
			t.Errorf("another user could open %s", name)
		}
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// beStranger is the main function of the process.
func beStranger(dir string) {
	// Another user cannot start the test binary in its folder.
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(strangerID), syscall.Setuid(strangerID)} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "become another user:", err)
			os.Exit(1)
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	said := map[string]bool{}
	for {
		tryAll(dir, "", said)
	}
}

// tryAll opens the files in a folder, and prints once what it could open.
func tryAll(dir, below string, said map[string]bool) {
	entries, err := os.ReadDir(filepath.Join(dir, below))
	if err != nil {
		return // it may not, or it is gone
	}
	if below != "" && !said[below] {
		said[below] = true
		fmt.Println(below)
	}
	for _, e := range entries {
		name := filepath.Join(below, e.Name())
		if e.IsDir() {
			tryAll(dir, name, said)
			continue
		}
		if said[name] {
			continue
		}
		ways := []int{os.O_RDONLY, os.O_WRONLY}
		could := slices.ContainsFunc(ways, func(way int) bool {
			f, err := os.OpenFile(filepath.Join(dir, name), way|syscall.O_NONBLOCK, 0)
			if err != nil {
				return false
			}
			f.Close()
			return true
		})
		if e.Type()&os.ModeSocket != 0 {
			if conn, err := net.Dial("unix", filepath.Join(dir, name)); err == nil {
				conn.Close()
				could = true
			}
		}
		if could {
			said[name] = true
			fmt.Println(name)
		}
	}
}

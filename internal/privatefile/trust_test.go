package privatefile

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stranger is a user that is neither us nor root.
const stranger = 54321

// asRoot skips a case that takes root's right to give files away.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user: run as root to test this too")
	}
}

// captured collects the log for the time of a test.
func captured(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	return &out
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		root bool
		// plant makes what is found at path; other is a file of ours.
		plant func(t *testing.T, path, other string)
		// want is part of the refusal, empty where it is fine.
		want []string
	}{
		{"nothing", false, func(*testing.T, string, string) {}, nil},
		{"ours", false, func(t *testing.T, path, _ string) { must(t, os.WriteFile(path, nil, 0o600)) }, nil},
		{"ours and readable", false, func(t *testing.T, path, _ string) { must(t, os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o644)) }, nil},
		{"a link", false, func(t *testing.T, path, other string) { must(t, os.Symlink(other, path)) }, []string{"symbolic link to", "rm "}},
		{"a dangling link", false, func(t *testing.T, path, other string) { must(t, os.Symlink(other+"-none", path)) }, []string{"symbolic link to", "rm "}},
		{"a hard link", false, func(t *testing.T, path, other string) { must(t, os.Link(other, path)) }, []string{"hard link", "cp -p "}},
		{"a pipe", false, func(t *testing.T, path, _ string) { must(t, syscall.Mkfifo(path, 0o600)) }, []string{"not a regular file"}},
		{"a folder", false, func(t *testing.T, path, _ string) { must(t, os.Mkdir(path, 0o700)) }, []string{"directory"}},
		{"open to all", false, func(t *testing.T, path, _ string) { must(t, os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)) }, []string{"mode 0666", "chmod 0600 "}},
		{"open to a group", true, func(t *testing.T, path, _ string) {
			must(t, os.WriteFile(path, nil, 0o600), os.Chown(path, 0, stranger), os.Chmod(path, 0o660))
		}, []string{"mode 0660", "chmod 0600 "}},
		{"a stranger's", true, func(t *testing.T, path, _ string) {
			must(t, os.WriteFile(path, nil, 0o600), os.Chown(path, stranger, stranger))
		}, []string{"belongs to uid 54321", "chown 0 "}},
		{"a volume with fsGroup", true, func(t *testing.T, path, _ string) {
			dir := filepath.Dir(path)
			must(t, os.Chown(dir, 0, stranger), os.Chmod(dir, 0o770|fs.ModeSetgid), os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o660))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				asRoot(t)
			}
			log := captured(t)
			dir := t.TempDir()
			path, other := filepath.Join(dir, "it's here"), filepath.Join(dir, "other")
			must(t, os.WriteFile(other, []byte("mine"), 0o600))
			c.plant(t, path, other)
			f, err := Open(path, os.O_RDWR|os.O_CREATE)
			if err == nil {
				defer f.Close()
			}
			if content, _ := os.ReadFile(other); string(content) != "mine" {
				t.Errorf("the other file holds %q", content)
			}
			if len(c.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if got := modeOf(t, path); got != 0o600 {
					t.Errorf("it has mode %v", got)
				}
				return
			}
			if err == nil {
				t.Fatal("it was opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: does not say %q", err, want)
				}
			}
			if log.Len() > 0 {
				t.Errorf("logged %s", log)
			}
		})
	}
}

func TestTightenedIsLogged(t *testing.T) {
	log := captured(t)
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o640))
	must(t, Secure(path), Secure(path))
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, path) || !strings.Contains(got, "mode=0640 now=0600") {
		t.Errorf("logged %q", got)
	}
}

func TestFolders(t *testing.T) {
	for _, c := range []struct {
		name  string
		root  bool
		plant func(t *testing.T, dir string)
		want  string
	}{
		{"ours", false, func(*testing.T, string) {}, ""},
		{"ours and readable", false, func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o755)) }, ""},
		{"sticky", false, func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777|fs.ModeSticky)) }, ""},
		{"open to all", false, func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777)) }, "chmod o-w "},
		{"below one that is open to all", false, func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Dir(dir), 0o777)) }, "chmod o-w "},
		{"open to root's group", true, func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o770)) }, ""},
		{"open to a group by root", true, func(t *testing.T, dir string) { must(t, os.Chown(dir, 0, stranger), os.Chmod(dir, 0o770)) }, ""},
		{"a stranger's", true, func(t *testing.T, dir string) { must(t, os.Chown(dir, stranger, stranger)) }, "chown 0 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				asRoot(t)
			}
			dir := filepath.Join(t.TempDir(), "above", "folder")
			must(t, os.MkdirAll(dir, 0o700))
			c.plant(t, dir)
			err := CheckFolder(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("a link of ours on the way", func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700), os.Symlink("real", filepath.Join(dir, "link")))
		must(t, CheckFolder(filepath.Join(dir, "link")), MakeFolder(filepath.Join(dir, "link", "keys")))
		if err := MakeFolder(filepath.Join(dir, "link")); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a stranger's link on the way", func(t *testing.T) {
		asRoot(t)
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700), os.Symlink("real", filepath.Join(dir, "link")),
			os.Lchown(filepath.Join(dir, "link"), stranger, stranger))
		if err := CheckFolder(filepath.Join(dir, "link")); err == nil || !strings.Contains(err.Error(), "symbolic link of uid 54321") {
			t.Errorf("%v", err)
		}
	})
	t.Run("in a pod", func(t *testing.T) {
		asRoot(t)
		dir := t.TempDir()
		must(t, os.Chmod(dir, 0o777))
		t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
		must(t, CheckFolder(dir))
	})
	t.Run("tightened", func(t *testing.T) {
		captured(t)
		dir := filepath.Join(t.TempDir(), "keys")
		must(t, os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755), MakeFolder(dir))
		if got := modeOf(t, dir).Perm(); got != 0o700 {
			t.Errorf("%v", got)
		}
	})
}

func TestGiven(t *testing.T) {
	for _, c := range []struct {
		name   string
		root   bool
		mode   fs.FileMode
		uid    int
		want   string
		warned bool
	}{
		{"private", false, 0o600, -1, "", false},
		{"readable by all", false, 0o644, -1, "", true},
		{"writable by all", false, 0o666, -1, "chmod 0600 ", false},
		{"a stranger's", true, 0o600, stranger, "chown 0 ", false},
		{"the caller's of sudo", true, 0o600, stranger + 1, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				asRoot(t)
			}
			t.Setenv("SUDO_UID", "54322")
			log := captured(t)
			dir := t.TempDir()
			// As in the mount of a Secret: a link to a link.
			must(t, os.Mkdir(filepath.Join(dir, "..2026"), 0o755), os.Symlink("..2026", filepath.Join(dir, "..data")), os.Symlink("..data/key", filepath.Join(dir, "key")))
			real := filepath.Join(dir, "..2026", "key")
			must(t, os.WriteFile(real, nil, 0o600), os.Chmod(real, c.mode), os.Chown(real, c.uid, c.uid))
			err := CheckGiven(filepath.Join(dir, "key"), true)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if got := log.Len() > 0; got != c.warned {
				t.Errorf("logged %q", log)
			}
		})
	}
	must(t, CheckGiven(filepath.Join(t.TempDir(), "none"), true), CheckGiven(os.DevNull, true))
}

// A socket is connected to only where nobody but us or root can listen behind its name.
func TestSocket(t *testing.T) {
	const shared = 0o777 | fs.ModeSticky // as /tmp
	listen := func(t *testing.T, path string) {
		t.Helper()
		l, err := net.Listen("unix", path)
		must(t, err)
		t.Cleanup(func() { l.Close() })
	}
	for _, c := range []struct {
		name string
		root bool
		mode fs.FileMode // of the folder
		// plant makes what is found at path; other is a path beside it.
		plant func(t *testing.T, path, other string)
		want  string // part of the refusal, empty where it is fine
	}{
		{"nothing", false, shared, func(*testing.T, string, string) {}, ""},
		{"ours", false, 0o700, func(t *testing.T, path, _ string) { listen(t, path) }, ""},
		{"ours in a shared folder", false, shared, func(t *testing.T, path, _ string) { listen(t, path) }, ""},
		{"ours in a folder open to all", false, 0o777, func(t *testing.T, path, _ string) { listen(t, path) }, "chmod o-w "},
		{"none in a folder open to all", false, 0o777, func(*testing.T, string, string) {}, "chmod o-w "},
		{"a stranger's in a shared folder", true, shared, func(t *testing.T, path, _ string) {
			listen(t, path)
			must(t, os.Chown(path, stranger, stranger))
		}, "belongs to uid 54321"},
		{"a link of ours to one of ours", false, shared, func(t *testing.T, path, other string) {
			listen(t, other)
			must(t, os.Symlink(other, path))
		}, ""},
		{"a link of ours to a stranger's", true, shared, func(t *testing.T, path, other string) {
			listen(t, other)
			must(t, os.Lchown(other, stranger, stranger), os.Symlink(other, path))
		}, "belongs to uid 54321"},
		{"a stranger's link to one of ours", true, shared, func(t *testing.T, path, other string) {
			listen(t, other)
			must(t, os.Symlink(other, path), os.Lchown(path, stranger, stranger))
		}, "symbolic link of uid 54321"},
		{"a stranger's link to nowhere", true, shared, func(t *testing.T, path, other string) {
			must(t, os.Symlink(other, path), os.Lchown(path, stranger, stranger))
		}, "symbolic link of uid 54321"},
		{"a link of ours into a folder open to all", false, 0o700, func(t *testing.T, path, other string) {
			open := filepath.Join(filepath.Dir(other), "open")
			must(t, os.Mkdir(open, 0o700), os.Chmod(open, 0o777))
			listen(t, filepath.Join(open, "s"))
			must(t, os.Symlink(filepath.Join(open, "s"), path))
		}, "chmod o-w "},
		{"a file", false, 0o700, func(t *testing.T, path, _ string) { must(t, os.WriteFile(path, nil, 0o600)) }, "is not a socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				asRoot(t)
			}
			dir, err := os.MkdirTemp("", "ark") // the paths of sockets must be short
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(dir) })
			must(t, os.Chmod(dir, c.mode))
			path := filepath.Join(dir, "s")
			c.plant(t, path, filepath.Join(dir, "other"))
			err = CheckSocket(path)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What another user may have planted beside a database, or in its place, is refused, and what
// a planted link leads to is not touched.
func TestPlanted(t *testing.T) {
	const stranger = 54321
	kinds := map[string]struct {
		root  bool
		plant func(path, victim string) error
		want  []string
	}{
		"a link":      {false, func(path, victim string) error { return os.Symlink(victim, path) }, []string{"symbolic link to", "rm "}},
		"a hard link": {false, func(path, victim string) error { return os.Link(victim, path) }, []string{"hard link", "cp -p "}},
		"open to all": {false, func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
		}, []string{"mode 0666", "chmod 0600 "}},
		"a stranger's": {true, func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, stranger, stranger))
		}, []string{"belongs to uid 54321", "chown 0 "}},
	}
	for name, kind := range kinds {
		for _, suffix := range family {
			t.Run(name+suffix, func(t *testing.T) {
				if kind.root && os.Geteuid() != 0 {
					t.Skip("only root can give a file to another user: run as root to test this too")
				}
				dir := t.TempDir()
				path, victim := filepath.Join(dir, "ark.db"), filepath.Join(dir, "victim")
				if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), kind.plant(path+suffix, victim)); err != nil {
					t.Fatal(err)
				}
				e, err := Open(t.Context(), path, Options{})
				if err == nil {
					e.Close()
					t.Fatal("it was opened")
				}
				for _, want := range append(kind.want, path+suffix) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%v: does not say %q", err, want)
					}
				}
				if content, _ := os.ReadFile(victim); string(content) != "precious" {
					t.Errorf("the victim holds %q", content)
				}
			})
		}
	}
	t.Run("a folder open to all", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), filepath.Join(dir, "ark.db"), Options{}); err == nil || !strings.Contains(err.Error(), "chmod o-w ") {
			t.Errorf("%v", err)
		}
	})
}

// The files of an older release, or of a careless copy, become private.
func TestTightened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	s := openStore(t, path)
	put(t, s, "a", "b")
	modes := func(want os.FileMode) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			info, err := os.Lstat(path + suffix)
			if err != nil || info.Mode() != want {
				t.Errorf("%s%s: %v, %v", path, suffix, info.Mode(), err)
			}
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if err := os.Chmod(path+suffix, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// As after kill -9: the files lie there, with what the log holds.
	copied := filepath.Join(t.TempDir(), "ark.db")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(copied+suffix, content, 0o600), os.Chmod(copied+suffix, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path = copied
	s = openStore(t, path)
	defer s.Close()
	modes(0o600)
}

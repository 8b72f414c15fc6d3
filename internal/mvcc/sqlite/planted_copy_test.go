package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Backup and restore follow no link, replace nothing, and leave nothing beside what they write.
func TestPlantedCopies(t *testing.T) {
	dir := t.TempDir()
	path, copied, victim := filepath.Join(dir, "ark.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "victim")
	s := openStore(t, path)
	put(t, s, "a", "b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	intact := func() {
		t.Helper()
		if content, err := os.ReadFile(victim); err != nil || string(content) != "precious" {
			t.Errorf("the victim holds %q, %v", content, err)
		}
	}
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, copied)); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), path, copied, nil); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("%v", err)
	}
	intact()
	// A dangling link is something, too.
	if err := errors.Join(os.Remove(copied), os.Symlink(filepath.Join(dir, "none"), copied)); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), path, copied, nil); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made where the link leads: %v", err)
	}
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{copied + ".partial", path + ".partial"} {
		if err := os.Symlink(victim, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Backup(t.Context(), path, copied, nil); err != nil {
		t.Fatal(err)
	}
	intact()
	if info, err := os.Lstat(copied); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// What a killed restore left goes with the next one.
	stale := filepath.Join(dir, ".ark.db.ark-KILLEDKILLED.tmp")
	if err := os.WriteFile(stale, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(t.Context(), copied, path, "", 1000); err != nil {
		t.Fatal(err)
	}
	intact()
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	s = openStore(t, path)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

package standalone

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Keys that another user may have planted give no user admin rights.
func TestPlantedKeys(t *testing.T) {
	const stranger = 54321
	keysOf := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "ark.db.keys")
		openKeys(t, dir, nil, time.Now())
		return dir
	}
	refused := func(t *testing.T, dir string, want ...string) {
		t.Helper()
		_, err := OpenKeys(dir, nil, time.Now)
		if err == nil {
			t.Fatal("they were taken")
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%v: does not say %q", err, text)
			}
		}
	}
	root := func(t *testing.T) {
		t.Helper()
		if os.Geteuid() != 0 {
			t.Skip("only root can give a file to another user: run as root to test this too")
		}
	}
	t.Run("a stranger's folder", func(t *testing.T) {
		root(t)
		dir := keysOf(t)
		if err := os.Chown(dir, stranger, stranger); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, dir, "belongs to uid 54321", "chown 0 ")
	})
	t.Run("a link", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ark.db.keys")
		if err := os.Symlink(keysOf(t), dir); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, dir, "symbolic link to", "rm ")
	})
	t.Run("a folder open to all", func(t *testing.T) {
		dir := keysOf(t)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, dir, "mode 0777", "chmod o-w ")
	})
	for _, name := range []string{caCertName, caKeyName, servingName, servingKeyName, tokenName} {
		t.Run("a stranger's "+name, func(t *testing.T) {
			root(t)
			dir := keysOf(t)
			if err := os.Chown(filepath.Join(dir, name), stranger, stranger); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, name, "belongs to uid 54321", "chown 0 ")
		})
		t.Run("a link "+name, func(t *testing.T) {
			dir := keysOf(t)
			path, victim := filepath.Join(dir, name), filepath.Join(t.TempDir(), "victim")
			if err := errors.Join(os.Rename(path, victim), os.Symlink(victim, path)); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, name, "symbolic link to", "rm ")
		})
		t.Run("open to all: "+name, func(t *testing.T) {
			dir := keysOf(t)
			if err := os.Chmod(filepath.Join(dir, name), 0o666); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, name, "mode 0666", "chmod 0600 ")
		})
	}
	t.Run("ours and readable", func(t *testing.T) {
		dir := keysOf(t)
		names := []string{".", caKeyName, servingKeyName, tokenName}
		for _, name := range names {
			if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		openKeys(t, dir, nil, time.Now())
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	})
}

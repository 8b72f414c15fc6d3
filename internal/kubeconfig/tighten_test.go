package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A kubeconfig that others could read is its owner's alone before the token is in it, also where
// the token is there already, and where the file is reached by a link.
func TestTightenedKubeconfig(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "config"), filepath.Join(dir, "link")
	entry := Entry{Name: "ark", User: "ark-admin", Server: "https://127.0.0.1:6443", CA: []byte("ca"), Token: "secret"}
	if err := errors.Join(os.WriteFile(path, []byte("apiVersion: v1\nkind: Config\n"), 0o600), os.Symlink("config", link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path, link} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Merge(name, false); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	// One that is not written is left as it is.
	if err := errors.Join(os.WriteFile(path, []byte("- not a kubeconfig\n"), 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Merge(path, false); err == nil {
		t.Error("it is no kubeconfig")
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

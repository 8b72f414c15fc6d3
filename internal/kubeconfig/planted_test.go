package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A token does not get into a file that another user has put there.
func TestPlantedFile(t *testing.T) {
	for name, c := range map[string]struct {
		root  bool
		plant func(path string) error
		want  string
	}{
		"a stranger's": {true, func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 54321, 54321))
		}, "belongs to uid 54321"},
		"open to all": {false, func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
		}, "chmod 0600 "},
		"a folder open to all": {false, func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) }, "chmod o-w "},
		"a stranger's link": {true, func(path string) error {
			return errors.Join(os.WriteFile(path+".real", nil, 0o600), os.Symlink(path+".real", path), os.Lchown(path, 54321, 54321))
		}, "symbolic link of uid 54321"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("only root can give a file to another user: run as root to test this too")
			}
			path := filepath.Join(t.TempDir(), "config")
			if err := c.plant(path); err != nil {
				t.Fatal(err)
			}
			_, err := Entry{Name: "ark", User: "ark-admin", Server: "https://127.0.0.1:6443", CA: []byte("ca"), Token: "hush"}.Merge(path, false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: does not say %q", err, c.want)
			}
			if content, _ := os.ReadFile(path); strings.Contains(string(content), "hush") {
				t.Error("the token was written")
			}
		})
	}
}

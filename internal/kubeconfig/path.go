package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"
)

// DefaultPath returns the file that kubectl reads: of the files in $KUBECONFIG the first that
// exists, else the last; without the variable ~/.kube/config.
func DefaultPath() (string, error) {
	var listed string
	for _, path := range filepath.SplitList(os.Getenv("KUBECONFIG")) {
		if path == "" {
			continue
		}
		listed = path
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if listed != "" {
		return listed, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("neither $KUBECONFIG nor $HOME is set: name the file")
	}
	return filepath.Join(home, ".kube", "config"), nil
}

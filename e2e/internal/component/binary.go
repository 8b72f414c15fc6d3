package component

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Root returns the folder of the repository: the nearest folder at or above the working directory
// that contains the server's command.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "tools", "build.sh")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: no folder above the working directory holds e2e/tools/build.sh; run inside the repository")
		}
		dir = parent
	}
}

// ServerBinary returns the path of the ark-server that `make build` has written to bin.
func ServerBinary() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "ark-server")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no server binary at %s: run \"make build\" first", path)
	} else if err != nil {
		return "", fmt.Errorf("find the server binary: %w", err)
	}
	return path, nil
}

// Binary returns the path of a real component (see tools/build.sh for the names). It does not
// build. If the binary is missing, the error describes how to build it.
func Binary(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := os.Getenv("ARK_CACHE")
	if dir == "" {
		dir = filepath.Join(root, ".cache", "bin")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no %s at %s: run \"e2e/tools/build.sh %s\" first: %w", name, path, name, err)
	}
	return path, nil
}

// BuildBinaries builds the named components that are missing. The script's output goes to the
// caller's standard error.
func BuildBinaries(names ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(root, "e2e", "tools", "build.sh"), names...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %v: %w", names, err)
	}
	return nil
}

// Package build compiles the server for the image.
package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Server compiles ark-server for Linux on an architecture, from the sources of the repository in
// root, and returns the binary. The binary depends only on the sources, not on paths or the clock.
func Server(root, arch, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "ark-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "ark-server")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=grpcnotrace",
		"-ldflags=-s -w -X github.com/mckinsey/ark-server/internal/version.version="+version, "-o", out, "./cmd/ark-server")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build the server for linux/%s: %w", arch, err)
	}
	return os.ReadFile(out)
}

package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Helm runs the real helm.
type Helm struct {
	path, kubeconfig, home string
}

// NewHelm prepares helm. Without a kubeconfig it can only render and lint. home is a folder for its
// caches.
func NewHelm(kubeconfig, home string) (*Helm, error) {
	path, err := Binary("helm")
	if err != nil {
		return nil, err
	}
	return &Helm{path: path, kubeconfig: kubeconfig, home: home}, nil
}

// Run runs one command to its end. An exit code other than 0 is not an error.
func (h *Helm) Run(ctx context.Context, args ...string) (KubectlResult, error) {
	cmd := exec.CommandContext(ctx, h.path, args...)
	cmd.Env = append(os.Environ(), "HOME="+h.home, "KUBECONFIG="+h.kubeconfig, "HELM_CACHE_HOME="+h.home, "HELM_CONFIG_HOME="+h.home, "HELM_DATA_HOME="+h.home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := KubectlResult{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.Exited():
		r.Code = exit.ExitCode()
	default:
		return r, fmt.Errorf("run helm %v: %w", args, err)
	}
	return r, nil
}

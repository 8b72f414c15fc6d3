package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Kubectl runs the real kubectl against one kubeconfig.
type Kubectl struct {
	path, kubeconfig, home string
	more                   []string // environment
}

// With returns the same kubectl with more environment variables, such as KUBE_EDITOR=...
func (k *Kubectl) With(env ...string) *Kubectl {
	with := *k
	with.more = append(slices.Clone(k.more), env...)
	return &with
}

// NewKubectl prepares kubectl. home is a folder for its discovery cache, so that no cache outlives
// the run.
func NewKubectl(kubeconfig, home string) (*Kubectl, error) {
	path, err := Binary("kubectl")
	if err != nil {
		return nil, err
	}
	return &Kubectl{path: path, kubeconfig: kubeconfig, home: home}, nil
}

// KubectlResult is the result of one run.
type KubectlResult struct {
	Stdout, Stderr string
	// Code is the exit code; kubectl diff uses 1 for "differs".
	Code int
}

// Run runs one command to its end. An exit code other than 0 is not an error.
func (k *Kubectl) Run(ctx context.Context, stdin string, args ...string) (KubectlResult, error) {
	cmd := exec.CommandContext(ctx, k.path, append(k.flags(), args...)...)
	cmd.Env = append(os.Environ(), k.env()...)
	if stdin != "" {
		cmd.Stdin = bytes.NewBufferString(stdin)
	}
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
		return r, fmt.Errorf("run kubectl %v: %w", args, err)
	}
	return r, nil
}

// Start runs a command that continues until it is stopped, such as get -w.
func (k *Kubectl) Start(args ...string) (*Process, error) {
	return Start(Command{Path: k.path, Name: "kubectl", Args: append(k.flags(), args...), Env: k.env()})
}

func (k *Kubectl) flags() []string {
	return []string{"--kubeconfig=" + k.kubeconfig, "--cache-dir=" + filepath.Join(k.home, "kube-cache")}
}

// env excludes the caller's own configuration.
func (k *Kubectl) env() []string { return append([]string{"HOME=" + k.home, "KUBECONFIG="}, k.more...) }

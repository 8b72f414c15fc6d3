package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// stopGrace is how long Stop waits after SIGTERM before it kills.
const stopGrace = 20 * time.Second

// Process is a running or ended child. It is safe for concurrent use.
type Process struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr *output
	done           chan struct{}
}

// Command describes a child to start.
type Command struct {
	// Path is the path of the program. Name is its name in errors.
	Path, Name string
	Args       []string
	// Env is added to the parent's environment.
	Env []string
	// Dir is the working directory; empty is the parent's.
	Dir string
	// Credential runs the child as another user; nil is the caller's own.
	Credential *syscall.Credential
	// Namespaces are the new namespaces in which the child starts, as flags of clone(2).
	Namespaces uintptr
}

// Start runs the command and returns at once. The child is killed if the caller dies first.
func Start(c Command) (*Process, error) {
	p := &Process{name: c.Name, stdout: newOutput(), stderr: newOutput(), done: make(chan struct{})}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: c.Credential, Cloneflags: c.Namespaces}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // The outcome is read from ProcessState.
		p.stdout.end()
		p.stderr.end()
	}()
	return p, nil
}

// RunToEnd runs a command that ends by itself and returns it with its whole output. A command that
// still runs when the context ends is killed, which is an error.
func RunToEnd(ctx context.Context, c Command) (*Process, error) {
	p, err := Start(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p, nil
	case <-ctx.Done():
		p.Kill()
		return nil, p.explain(fmt.Errorf("%s has not ended by itself: %w", c.Name, ctx.Err()))
	}
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode waits for the end. It is -1 for a child that a signal ended.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Stdout and Stderr return what the child has written so far.
func (p *Process) Stdout() string { return p.stdout.String() }
func (p *Process) Stderr() string { return p.stderr.String() }

// Stop ends the child with SIGTERM and waits for it. A child that does not end in time is killed,
// which is an error.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // Fails only when the child has ended.
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		p.Kill()
		return fmt.Errorf("stop %s: still running %s after SIGTERM, killed", p.name, stopGrace)
	}
}

// Signal sends a signal. It does nothing if the process has ended.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends the child with SIGKILL and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// WaitStdout and WaitStderr wait until the pattern matches what the child wrote and return the
// submatches. A child that ends without a match, or the end of the context, is an error that shows
// the child's last output.
func (p *Process) WaitStdout(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	return p.wait(ctx, p.stdout, pattern)
}

func (p *Process) WaitStderr(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	return p.wait(ctx, p.stderr, pattern)
}

func (p *Process) wait(ctx context.Context, out *output, pattern *regexp.Regexp) ([]string, error) {
	found, err := out.waitMatch(ctx, pattern)
	if err != nil {
		return nil, p.explain(fmt.Errorf("wait for %q in the output of %s: %w", pattern, p.name, err))
	}
	return found, nil
}

// waitReady polls ready until it succeeds, the child ends or the context does.
func (p *Process) waitReady(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.explain(fmt.Errorf("%s ended with code %d before it was ready", p.name, p.ExitCode()))
		case <-ctx.Done():
			return p.explain(fmt.Errorf("%s was not ready in time: %w", p.name, errors.Join(ctx.Err(), err)))
		case <-tick.C:
		}
	}
}

// explain adds the end of the child's output to an error.
func (p *Process) explain(err error) error {
	const last = 4 << 10
	return fmt.Errorf("%w\n--- stdout of %s\n%s\n--- stderr\n%s", err, p.name, tail(p.Stdout(), last), tail(p.Stderr(), last))
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "..." + s[len(s)-n:]
}

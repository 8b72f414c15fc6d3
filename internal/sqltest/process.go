package sqltest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to shut down before it is killed.
const stopGrace = 30 * time.Second

// process is a server that runs or has ended.
type process struct {
	cmd    *exec.Cmd
	output *output
	done   chan struct{}
}

// command says what to run, in which folder and as whom.
type command struct {
	path       string
	args       []string
	dir        string
	credential *syscall.Credential // nil is the caller's own
	wrap       func(path string, args []string) (string, []string)
}

func (c command) exec() *exec.Cmd {
	path, args := c.path, c.args
	if c.wrap != nil {
		path, args = c.wrap(path, args)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: c.credential}
	return cmd
}

// run runs the command to its end.
func (c command) run() error {
	if out, err := c.exec().CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(c.path), err, out)
	}
	return nil
}

// start starts the command. Its process has ended when those that
// it started have too, because they hold its output open.
func (c command) start() (*process, error) {
	p := &process{cmd: c.exec(), output: &output{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.path), err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // whoever waits for done learns enough
	}()
	return p, nil
}

// stop asks the process to end and waits for it.
func (p *process) stop(signal os.Signal) error {
	_ = p.cmd.Process.Signal(signal) // fails only if it has ended
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		p.kill()
		return fmt.Errorf("it still ran %s after it was told to stop, and was killed", stopGrace)
	}
}

// kill ends the process and those that it started, at once, and waits for them.
func (p *process) kill() {
	children := childrenOf(p.cmd.Process.Pid)
	_ = p.cmd.Process.Kill() // fails only if it has ended
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // some end by themselves
	}
	<-p.done
}

func childrenOf(pid int) []int {
	var pids []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		list, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// ready calls try until it succeeds, the process ends or a minute has passed.
func (p *process) ready(try func() error) error {
	deadline := time.Now().Add(time.Minute)
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended before it was ready: %w\n%s", err, p.output)
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(deadline) {
				return fmt.Errorf("it did not get ready: %w\n%s", err, p.output)
			}
		}
	}
}

// output keeps the last of what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 1<<20 {
		o.text.Next(1 << 19)
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// unprivileged is the credential of a service's user when the caller is root, as
// whom database servers refuse to run. nil otherwise.
func unprivileged(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("find the user to run the server as, since it refuses root: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// write writes a file beside the data that the server alone may read.
func (s *Server) write(name string, text []byte) (path string, err error) {
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", err
	}
	if c := s.command.credential; c != nil {
		return path, os.Chown(path, int(c.Uid), int(c.Gid))
	}
	return path, nil
}

func (s *Server) writeCertificate(opts Options) (cert, key string, err error) {
	if cert, err = s.write("server-cert.pem", opts.Certificate); err != nil {
		return "", "", err
	}
	key, err = s.write("server-key.pem", opts.Key)
	return cert, key, err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// folder makes a temporary folder that the server's user owns.
func folder(pattern string, owner *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// freePort finds a loopback port that is free now. A server must come back on
// the same one, so it cannot be left to choose its own.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// program finds a program on the path or in the newest of the folders that the
// patterns match; "" if there is none.
func program(name string, patterns ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

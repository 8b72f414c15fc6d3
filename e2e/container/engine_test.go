package container

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// patience is for a machine that does many things at once.
const patience = 3 * time.Minute

// options are those of "docker run".
type options struct {
	image *image
	// mounts are -v.
	mounts []mount
	// user is --user, as UID or UID:GID.
	user string
	// readOnly is --read-only, hostNetwork --network=host.
	readOnly, hostNetwork bool
	// env is -e, args are what follows the image.
	env, args []string
	// emulator runs the program of a foreign architecture.
	emulator string
}

// running is a container.
type running struct {
	*component.Process
	options options
	env     []string
}

// ids returns the user and the group of --user: without a group it is that of the image's passwd,
// or root's.
func (o options) ids(t *testing.T) (user, group int) {
	t.Helper()
	if o.user == "" {
		return 0, 0
	}
	left, right, _ := strings.Cut(o.user, ":")
	var err error
	if user, err = strconv.Atoi(left); err == nil && right != "" {
		group, err = strconv.Atoi(right)
	} else if left == "65532" {
		group = 65532
	}
	if err != nil {
		t.Fatal(err)
	}
	return user, group
}

// environment returns the environment of the image with the variables of -e.
func environment(image, set []string) []string {
	env := slices.DeleteFunc(slices.Clone(image), func(of string) bool {
		name, _, _ := strings.Cut(of, "=")
		return slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, name+"=") })
	})
	return append(env, set...)
}

// start runs a container.
func start(t *testing.T, o options) *running {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(root); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // others have to get to the root folder
			t.Fatal(err)
		}
	}
	o.image.unpack(t, root)
	for _, dir := range []string{"proc", "dev"} { // the engine makes these
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	user, group := o.ids(t)
	env := environment(o.image.Config.Env, o.env)
	args := slices.Concat(o.image.Config.Entrypoint, o.args)
	if len(o.args) == 0 {
		args = append(args, o.image.Config.Cmd...)
	}
	if o.emulator != "" {
		content, err := os.ReadFile(o.emulator)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "emulator"), content, 0o755); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"/emulator"}, args...)
	}
	text, err := json.Marshal(setup{
		Root: root, WorkingDir: o.image.Config.WorkingDir, Hostname: "3f2a9c0d1e4b", ReadOnly: o.readOnly, OwnNetwork: !o.hostNetwork,
		Mounts: o.mounts, User: user, Group: group, Args: args, Env: env,
	})
	if err != nil {
		t.Fatal(err)
	}
	flags := uintptr(syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC)
	if !o.hostNetwork {
		flags |= syscall.CLONE_NEWNET
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := component.Start(component.Command{Path: self, Name: "container", Env: []string{initVariable + "=" + string(text)}, Namespaces: flags})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &running{p, o, env}
}

// ready waits for the lines that a server prints when it is ready.
func (c *running) ready(t *testing.T) {
	t.Helper()
	c.await(t, regexp.MustCompile("get agents"))
}

// await waits for what the container prints, and returns the match with its groups.
func (c *running) await(t *testing.T, what *regexp.Regexp) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := c.WaitStdout(ctx, what)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, c.Stdout(), c.Stderr())
	}
	return found
}

// stop is "docker stop".
func (c *running) stop(t *testing.T) {
	t.Helper()
	if err := c.Stop(); err != nil || c.ExitCode() != 0 {
		t.Fatalf("docker stop: %v, exit code %d\n%s", err, c.ExitCode(), c.Stderr())
	}
}

// exec is "docker exec" of the container's user.
func (c *running) exec(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	user, group := c.options.ids(t)
	pid := strconv.Itoa(c.PID())
	nsenter := []string{"--target=" + pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--setuid=" + strconv.Itoa(user), "--setgid=" + strconv.Itoa(group), "--"}
	if args[0] == "ark-server" { // as the shell would look it up in the container's PATH
		args[0] = "/usr/local/bin/ark-server"
	}
	cmd := exec.CommandContext(t.Context(), "nsenter", append(nsenter, args...)...)
	cmd.Env = c.env
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatalf("docker exec: %v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// healthy runs the image's health check until it succeeds, as an engine does.
func (c *running) healthy(t *testing.T) {
	t.Helper()
	test := c.options.image.Config.Healthcheck.Test
	if len(test) < 2 || test[0] != "CMD" {
		t.Fatalf("health check %q", test)
	}
	out, errs, code := c.exec(t, slices.Clone(test[1:])...)
	if code != 0 {
		t.Errorf("health check: exit code %d: %s%s", code, out, errs)
	}
}

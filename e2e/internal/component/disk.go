package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// Disk is a small file system that only processes started on it can see: a tmpfs in a separate
// mount namespace. It needs Linux with unshare and nsenter (util-linux), and either root or
// unprivileged user namespaces.
type Disk struct {
	// Dir is the mount point, for processes on the disk.
	Dir    string
	holder *Process
	// enter is the nsenter command that joins the namespace.
	enter []string
}

var mounted = regexp.MustCompile(`mounted`)

// NewDisk mounts a disk of size bytes on an existing folder; Close removes it.
func NewDisk(ctx context.Context, dir string, size int) (*Disk, error) {
	var errs []error
	// Root in a container may lack the permission to mount, and a user the permission to create a user
	// namespace.
	for _, user := range []bool{false, true} {
		unshare, enter := []string{"--mount"}, []string{"--mount"}
		if user {
			unshare = append(unshare, "--user", "--map-root-user")
			enter = append(enter, "--user", "--preserve-credentials")
		}
		script := fmt.Sprintf(`mount -t tmpfs -o size=%d tmpfs "$0" && echo mounted && exec sleep infinity`, size)
		p, err := Start(Command{Path: "/usr/bin/env", Name: "small disk", Args: append(append([]string{"unshare"}, unshare...), "sh", "-c", script, dir)})
		if err != nil {
			return nil, err
		}
		if _, err := p.WaitStdout(ctx, mounted); err != nil {
			p.Kill()
			errs = append(errs, err)
			continue
		}
		return &Disk{Dir: dir, holder: p, enter: append(enter, "--target", strconv.Itoa(p.PID()), "--")}, nil
	}
	return nil, fmt.Errorf("mount a small disk (needs unshare, and root or user namespaces): %w", errors.Join(errs...))
}

// On returns a command that runs on the disk.
func (d *Disk) On(c Command) Command {
	c.Args = append(append([]string{"nsenter"}, d.enter...), append([]string{c.Path}, c.Args...)...)
	c.Path = "/usr/bin/env"
	return c
}

// AsOwner returns a command that runs on the disk as a user that is not root, but owns the files of
// the caller. Database servers need it, because they refuse to run as root.
func (d *Disk) AsOwner(path string, args []string) (string, []string) {
	const id = "1000" // any ID except root's
	enter := append(append([]string{"nsenter"}, d.enter...), "unshare", "--user", "--map-user="+id, "--map-group="+id,
		"setpriv", "--pdeathsig=KILL", path) // a new user does not inherit it
	return "/usr/bin/env", append(enter, args...)
}

// Remove deletes a file on the disk.
func (d *Disk) Remove(name string) error { return os.Remove(d.Path(name)) }

// Path returns the path of a file on the disk for a process that is not on the disk.
func (d *Disk) Path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(d.holder.PID()), "root", d.Dir, name)
}

// Remount changes the mount options, such as "size=1048576" or "ro".
func (d *Disk) Remount(options string) error {
	args := append(append([]string{}, d.enter...), "mount", "-o", "remount,"+options, d.Dir)
	if out, err := exec.Command("nsenter", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("remount the small disk with %s: %w: %s", options, err, out)
	}
	return nil
}

// Fill writes a file until the disk is full.
func (d *Disk) Fill(name string) error {
	f, err := os.Create(d.Path(name))
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close()
	block := make([]byte, 4<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return fmt.Errorf("fill the disk: %w", err)
}

// Close unmounts the disk; every process on it must have ended.
func (d *Disk) Close() { d.holder.Kill() }

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// initVariable has the test binary be the first process of a container; it holds the setup.
const initVariable = "ARK_TEST_CONTAINER"

// setup is what an engine does between making the namespaces and running the program.
type setup struct {
	Root, WorkingDir, Hostname string
	ReadOnly, OwnNetwork       bool
	Mounts                     []mount
	// User and Group are 0 unless --user is given.
	User, Group int
	Args, Env   []string
}

type mount struct {
	Source, Target string
	ReadOnly       bool
}

// capabilities are those that Docker leaves root in a container.
var capabilities = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
	unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_SYS_CHROOT, unix.CAP_MKNOD, unix.CAP_AUDIT_WRITE, unix.CAP_SETFCAP,
}

// becomeContainer does not return if all is well.
func becomeContainer() error {
	runtime.LockOSThread()
	var s setup
	if err := json.Unmarshal([]byte(os.Getenv(initVariable)), &s); err != nil {
		return err
	}
	if err := s.mounts(); err != nil {
		return err
	}
	if s.OwnNetwork {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring loopback up: %w", err)
		}
	}
	if err := errors.Join(unix.Sethostname([]byte(s.Hostname)), unix.Chroot(s.Root), unix.Chdir(s.WorkingDir)); err != nil {
		return err
	}
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if slices.Contains(capabilities, c) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if s.User != 0 {
		if err := errors.Join(syscall.Setgroups([]int{s.Group}), syscall.Setgid(s.Group), syscall.Setuid(s.User)); err != nil {
			return err
		}
	}
	return syscall.Exec(s.Args[0], s.Args, s.Env)
}

func (s setup) mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount(s.Root, s.Root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		at := filepath.Join(s.Root, m.Target)
		if err := unix.Mount(m.Source, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.Source, at, err)
		}
		if m.ReadOnly {
			if err := unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				return err
			}
		}
	}
	if err := unix.Mount("proc", filepath.Join(s.Root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := unix.Mount("/dev", filepath.Join(s.Root, "dev"), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if s.ReadOnly {
		return unix.Mount("", s.Root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	return nil
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

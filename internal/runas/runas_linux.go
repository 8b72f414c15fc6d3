package runas

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Drop replaces a root process of the image by the same program run by the user that UserVariable
// names, and does not return then. It returns nil if there is nothing to do, and an error if root's
// rights cannot be dropped.
//
// With give it first gives that user the folder of FolderVariable, with all that is in it. warn is
// called if that does not succeed; the program goes on, for it may not have to write there.
func Drop(give bool, warn func(error)) error {
	u, ok, err := wanted()
	if err != nil || !ok {
		return err
	}
	if folder := os.Getenv(FolderVariable); give && folder != "" {
		if err := u.own(folder); err != nil {
			warn(fmt.Errorf("give %s to user %d: %w", folder, u.uid, err))
		}
	}
	if err := u.exec(); err != nil {
		return fmt.Errorf("go on as user %d instead of root: %w: start the container with --user %d:%d, or with the capabilities CHOWN, SETGID and SETUID", u.uid, err, u.uid, u.gid)
	}
	return nil
}

// own gives a folder and all in it to the user. It follows no symbolic link, so that nobody who can
// write to the folder can have other files given away. Write permission of others ends with that
// for the folder itself.
func (u user) own(folder string) error {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there may be a database server instead
	}
	if err != nil {
		return err
	}
	defer root.Close()
	var failed error
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			failed = errors.Join(failed, err)
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != u.uid {
			if err := root.Lchown(path, u.uid, u.gid); err != nil && failed == nil {
				failed = err // one of them is enough to read
			}
		}
		return nil
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	if mode := info.Mode() & (fs.ModePerm | fs.ModeSticky); mode&0o022 != 0 {
		return root.Chmod(".", mode&^0o022&^fs.ModeSticky)
	}
	return nil
}

// exec becomes the user for good and starts the program again. A new program is clean of what the
// old one did as root, such as open files and what /proc shows of it.
func (u user) exec() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	// What follows belongs to this thread, which becomes the new program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("leave root's groups: %w", err)
	}
	if err := syscall.Setgid(u.gid); err != nil {
		return fmt.Errorf("become group %d: %w", u.gid, err)
	}
	if err := syscall.Setuid(u.uid); err != nil {
		return fmt.Errorf("become user %d: %w", u.uid, err)
	}
	if os.Getuid() != u.uid || os.Geteuid() != u.uid || syscall.Setuid(0) == nil {
		return errors.New("the process is still root's")
	}
	return syscall.Exec(program, os.Args, os.Environ())
}

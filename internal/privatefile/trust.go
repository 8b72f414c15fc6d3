package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// UntrustedError is about a file or folder that another user may have planted or changed.
type UntrustedError struct {
	Path string
	// Fault says what is wrong with it, Fix what to do, with the command.
	Fault, Fix string
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.Path, e.Fault, e.Fix)
}

// NotASocket is the fault of a path that is to be a socket.
const NotASocket = "is not a socket"

func untrusted(path, fault, fix string, args ...any) error {
	return &UntrustedError{Path: path, Fault: fault, Fix: fmt.Sprintf(fix, args...)}
}

// Open opens a file that only we or root may have written, never through a symbolic
// link, and tightens it. flag is as for os.OpenFile; with os.O_CREATE a new file is
// private. os.O_TRUNC is not allowed: the file is checked first.
func Open(path string, flag int) (*os.File, error) {
	f, err := open(path, flag)
	if err != nil {
		return nil, err
	}
	if err := secure(path, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func open(path string, flag int) (*os.File, error) {
	create := flag&os.O_CREATE != 0
	flag = flag&^os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	for {
		f, err := os.OpenFile(path, flag, 0)
		switch {
		case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO):
			if fault := CheckFile(path); fault != nil {
				err = fault // a symbolic link, a socket, a pipe
			}
			return nil, err
		case !create || !errors.Is(err, fs.ErrNotExist):
			return f, err
		}
		// With O_EXCL it is ours; somebody who was faster is met in the next round.
		f, err = os.OpenFile(path, flag|os.O_CREATE|os.O_EXCL, fileMode)
		if err == nil {
			return f, protect(f)
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
}

// secure checks and tightens an open file.
func secure(path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := checkFile(path, info); err != nil {
		return err
	}
	return tighten(path, info, f.Chmod, fileMode)
}

// tighten takes the rights of others from what is ours.
func tighten(path string, info fs.FileInfo, chmod func(fs.FileMode) error, most fs.FileMode) error {
	uid, _ := ownerOf(info)
	if uid != os.Geteuid() || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := chmod(most); err != nil {
		return fmt.Errorf("take the rights of other users from %s: %w", path, err)
	}
	slog.Warn("took the rights of other users from a file", "path", path, "mode", octal(info.Mode()), "now", octal(most))
	return nil
}

// Tighten takes the rights of others from a file that the user made and that is to hold a secret. A
// link is followed. One that does not exist is fine.
func Tighten(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	now := info.Mode().Perm() &^ 0o077
	if now == info.Mode().Perm() {
		return nil
	}
	if err := os.Chmod(path, now); err != nil {
		return fmt.Errorf("take the rights of other users from %s: %w", path, err)
	}
	slog.Warn("took the rights of other users from a file", "path", path, "mode", octal(info.Mode()), "now", octal(now))
	return nil
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", mode.Perm()) }

// Secure checks and tightens a file that something else opens; one that does not exist is
// fine. It does not open the file: closing it would end the locks that SQLite holds on it
// in this process. Its folder must have been checked.
func Secure(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if err := checkFile(path, info); err != nil {
		return err
	}
	return tighten(path, info, func(mode fs.FileMode) error { return os.Chmod(path, mode) }, fileMode)
}

// Read reads a file that only we or root may have written; nil for one that does not
// exist.
func Read(path string) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	content := make([]byte, info.Size())
	n, err := f.ReadAt(content, 0)
	if n == len(content) {
		err = nil
	}
	return content[:n], err
}

// CheckFile is what Open checks, for a file that something else opens. One that does not
// exist is fine.
func CheckFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return checkFile(path, info)
}

// checkFile applies rule 1 of the package.
func checkFile(path string, info fs.FileInfo) error {
	uid, gid := ownerOf(info)
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path) // for the message only
		return untrusted(path, "is a symbolic link to "+target, "name the file itself, or remove the link: rm %s", Quote(path))
	case !mode.IsRegular():
		return untrusted(path, "is not a regular file", "choose another path, or move it away")
	case !trustedUser(uid):
		return foreign(path, uid)
	case mode.Perm()&0o002 != 0, mode.Perm()&0o020 != 0 && !trustedGroup(gid) && !grantedGroup(filepath.Dir(path), gid):
		return untrusted(path, fmt.Sprintf("can be written by other users (mode %s)", octal(mode)),
			"see that it is what you left there, then: chmod 0600 %s", Quote(path))
	case names(info) > 1:
		return untrusted(path, "has another name (a hard link), under which it could be changed",
			"give it a file of its own: cp -p %[1]s %[2]s && mv %[2]s %[1]s", Quote(path), Quote(path+".copy"))
	}
	return nil
}

func foreign(path string, uid int) error {
	return untrusted(path, fmt.Sprintf("belongs to %s, not to %s", userName(uid), userName(os.Geteuid())),
		"see that it is what you left there, then run as that user or give it to this one: chown %d %s", os.Geteuid(), Quote(path))
}

// grantedGroup reports whether root lets a group write a folder.
func grantedGroup(dir string, gid int) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	owner, group := ownerOf(info)
	return owner == 0 && group == gid && info.Mode().Perm()&0o020 != 0
}

// Prepare makes an empty file for its owner only, or checks and tightens the one that is
// there, for something that opens it by its name, such as a log.
func Prepare(path string) error {
	if err := CheckFolder(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := Open(path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	return f.Close()
}

// CheckSocket refuses a unix socket behind which another user may listen. One that does not
// exist is fine. A link is followed where it is ours or root's.
//
// It holds for one connection: another user may listen there later, where the folder is one
// like /tmp and the socket is gone.
func CheckSocket(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := CheckFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := checkLinks(path); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // a link to nowhere
	case err != nil:
		return err
	}
	if err := CheckFolder(filepath.Dir(real)); err != nil {
		return err
	}
	info, err := os.Lstat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if uid, _ := ownerOf(info); !trustedUser(uid) {
		return foreign(real, uid)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return untrusted(real, NotASocket, "name the socket that a server listens on")
	}
	return nil
}

package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// CheckGiven is for a file that the user made: a TLS key, a password, a DSN, a kubeconfig.
// It may be a symbolic link, as in the mount of a Kubernetes Secret, and root's file may
// be readable by a group. Refused is what another user owns or may write. With secret, a
// file of ours that others may read gets a line in the log. One that does not exist is
// for the reader to complain about.
func CheckGiven(path string, secret bool) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkLinks(path); err != nil {
		return err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return err
	}
	uid, gid := ownerOf(info)
	mode := info.Mode()
	switch {
	case !mode.IsRegular():
		return nil // a pipe or a terminal has nothing to check
	case !trustedUser(uid) && !unmapped(uid):
		return foreign(real, uid)
	case mode.Perm()&0o002 != 0, mode.Perm()&0o020 != 0 && uid != 0 && !trustedGroup(gid):
		return untrusted(real, fmt.Sprintf("can be written by other users (mode %s)", octal(mode)),
			"see that it is what you left there, then: chmod 0600 %s", Quote(real))
	}
	if secret && uid == os.Geteuid() && mode.Perm()&0o004 != 0 {
		slog.Warn("a secret can be read by every user", "path", path, "mode", octal(mode), "fix", "chmod 0600 "+Quote(real))
	}
	return nil
}

package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckFolder refuses a folder in which another user could plant files, or that another
// user could put another one in the place of. Symbolic links on the way may be ours or
// root's. One that does not exist is fine.
func CheckFolder(path string) error {
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
	if real != path {
		if err := checkLinks(path); err != nil {
			return err
		}
	}
	for at := real; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if err := checkFolder(at, info, at == real); err != nil {
			return err
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func checkFolder(path string, info fs.FileInfo, holds bool) error {
	uid, gid := ownerOf(info)
	mode := info.Mode()
	if holds && !trustedUser(uid) && !unmapped(uid) {
		return foreign(path, uid)
	}
	if mode&fs.ModeSticky != 0 || uid == 0 && inPod() {
		return nil
	}
	switch {
	case mode.Perm()&0o002 != 0:
		return untrusted(path, fmt.Sprintf("can be written by every user (mode %s), who could put other files in the place of these", octal(mode)),
			"chmod o-w %s", Quote(path))
	case holds && mode.Perm()&0o020 != 0 && uid != 0 && !trustedGroup(gid):
		return untrusted(path, fmt.Sprintf("can be written by the group %d (mode %s), which could put other files in the place of these", gid, octal(mode)),
			"chmod g-w %s", Quote(path))
	}
	return nil
}

// inPod reports whether a kubelet started us. The modes of volumes are its provisioners'
// there (0777 for an emptyDir and for most volumes of a node's disk), and the container has
// no other users.
func inPod() bool { return os.Getenv("KUBERNETES_SERVICE_HOST") != "" }

// checkLinks refuses symbolic links of other users on the way to a path.
func checkLinks(path string) error {
	at := string(filepath.Separator)
	for _, name := range strings.Split(strings.Trim(path, at), at) {
		at = filepath.Join(at, name)
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if uid, _ := ownerOf(info); info.Mode()&fs.ModeSymlink != 0 && !trustedUser(uid) && !unmapped(uid) {
			target, _ := os.Readlink(at) // for the message only
			return untrusted(at, fmt.Sprintf("is a symbolic link of %s to %s", userName(uid), target), "name the folder itself")
		}
	}
	return nil
}

// MakeFolder makes a folder that only its owner may enter, with those above it that are
// missing, or checks and tightens the one that is there. Its parent is checked too.
func MakeFolder(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := CheckFolder(parent); err != nil {
		return err
	}
	err := os.Mkdir(path, folderMode)
	if err == nil {
		if err := os.Chmod(path, folderMode); err != nil {
			return err
		}
		return SyncFolder(parent)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path) // for the message only
		return untrusted(path, "is a symbolic link to "+target, "name the folder itself, or remove the link: rm %s", Quote(path))
	case !info.IsDir():
		return untrusted(path, "is not a folder", "choose another path, or move it away")
	}
	if err := CheckFolder(path); err != nil {
		return err
	}
	return tighten(path, info, func(mode fs.FileMode) error { return os.Chmod(path, mode) }, folderMode)
}

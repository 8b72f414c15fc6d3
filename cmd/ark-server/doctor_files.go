package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// files checks the files that the server creates, and the files that flags name.
func (e *examination) files() {
	before := len(e.items)
	for _, folder := range e.folders() {
		e.folder(folder)
	}
	for _, f := range e.privateFiles() {
		if err := privatefile.CheckFile(f); err != nil {
			e.fileFault(f, err)
			continue
		}
		if info, err := os.Lstat(f); err == nil && info.Mode().Perm()&0o077 != 0 {
			e.bad("files", "chmod 0600 "+f, "%s can be read by other users (mode %04o)", f, info.Mode().Perm())
		}
	}
	for _, f := range e.givenFiles() {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			e.bad("files", "make it, or correct the flag", "--%s: %v", f.flag, err)
		} else if err := privatefile.CheckGiven(f.path, f.secret); err != nil {
			e.fileFault("--"+f.flag+"="+f.path, err)
		}
	}
	if len(e.items) == before {
		e.ok("files", "nobody else can read or change them")
	}
}

// folders returns the folders in which the server creates files.
func (e *examination) folders() []string {
	var all []string
	if e.storage == storageSQLite {
		all = append(all, filepath.Dir(e.dbPath))
	}
	if e.mode == modeStandalone {
		all = append(all, e.keys(), filepath.Dir(e.kubeconfig()))
	}
	if folder := e.markFolder(); e.onServer() && folder != "" {
		all = append(all, folder)
	}
	return all
}

// privateFiles returns the existing files that the server has created.
func (e *examination) privateFiles() []string {
	var all []string
	if e.storage == storageSQLite {
		for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".mark"} {
			all = append(all, e.dbPath+suffix)
		}
	}
	if e.mode == modeStandalone {
		all = append(all, e.kubeconfig())
		if inKeys, err := filepath.Glob(filepath.Join(e.keys(), "*")); err == nil {
			all = append(all, inKeys...)
		}
	}
	return all
}

// folder checks that the server, and no other user, can write in a folder.
func (e *examination) folder(path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // the start creates it, or reports what is missing
	case err != nil:
		e.bad("files", "let the user that the server runs as enter it", "%v", err)
		return
	case !info.IsDir():
		e.bad("files", "name another folder, or move it away", "%s is not a folder", path)
		return
	}
	if err := privatefile.CheckFolder(path); err != nil {
		e.fileFault(path, err)
		return
	}
	const write, enter = 2, 1
	if err := syscall.Access(path, write|enter); err != nil {
		e.bad("files", fmt.Sprintf("run as the user that owns it, or give it to this one: chown %d %s", os.Geteuid(), path), "the user %d cannot write in %s: %v", os.Geteuid(), path, err)
	}
}

func (e *examination) fileFault(what string, err error) {
	var untrusted *privatefile.UntrustedError
	if errors.As(err, &untrusted) {
		e.bad("files", untrusted.Fix, "%s %s", untrusted.Path, untrusted.Fault)
		return
	}
	e.bad("files", "run this as the user that the server runs as", "%s: %v", what, err)
}

// leastSpace is several times the daily growth of a small database.
const leastSpace = 256 << 20

// space checks the free disk space.
func (e *examination) space() {
	folder := "."
	if e.storage == storageSQLite {
		folder = filepath.Dir(e.dbPath)
	} else if e.dataDir != "" {
		folder = e.dataDir
	}
	if whole, err := filepath.Abs(folder); err == nil {
		folder = whole
	}
	for ; ; folder = filepath.Dir(folder) { // the nearest folder that exists
		if _, err := os.Stat(folder); err == nil || folder == filepath.Dir(folder) {
			break
		}
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		e.bad("disk", "see that it is mounted", "%s: %v", folder, err)
		return
	}
	free, files := float64(st.Bavail)*float64(st.Bsize), st.Ffree
	need := float64(leastSpace)
	if info, err := os.Stat(e.dbPath); err == nil && e.storage == storageSQLite {
		need = max(need, float64(info.Size())) // for the write-ahead log
	}
	switch {
	case free < need:
		e.bad("disk", e.spaceFix(folder), "%s has %s free, and %s are wanted", folder, megabytes(int64(free)), megabytes(int64(need)))
	case st.Files > 0 && files < 100:
		e.bad("disk", "delete files that nobody needs", "%s has room for %d more files", folder, files)
	default:
		e.ok("disk", "%s has %s free", folder, megabytes(int64(free)))
	}
}

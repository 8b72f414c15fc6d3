package privatefile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

const (
	tempMiddle = ".ark-"
	tempEnd    = ".tmp"
)

// tempName is .NAME.ark-RANDOM.tmp in the file's folder.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMiddle+rand.Text()[:randomLength]+tempEnd)
}

const randomLength = 12

// tempPart splits a name into a temporary one and what SQLite has added to that, such as -wal.
var tempPart = regexp.MustCompile(`^(\..+\.ark-[A-Z2-7]{12}\.tmp)(.*)$`)

// RemoveStale removes the temporary files that killed processes have left in the folder of a
// path, for whatever file: the next backup may have another name. It leaves those alone that a
// process still writes, and those of other users.
func RemoveStale(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir) // sorted: x.tmp comes before x.tmp-wal
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder that can be written, but not listed
	}
	if err != nil {
		return withoutName(err)
	}
	for _, entry := range entries {
		parts := tempPart.FindStringSubmatch(entry.Name())
		if parts == nil || !entry.Type().IsRegular() {
			continue
		}
		// What SQLite puts beside a database is stale when that is gone.
		if parts[2] != "" {
			if _, err := os.Lstat(filepath.Join(dir, parts[1])); err == nil {
				continue
			}
		}
		if err := removeStale(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func removeStale(name string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ELOOP):
		return nil // gone, or not ours
	case err != nil:
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if owner, _ := ownerOf(info); owner != os.Geteuid() {
		return nil
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !isFile(name, f) {
		return nil // in use, or gone
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

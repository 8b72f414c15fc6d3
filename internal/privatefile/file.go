package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	fileMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o700
)

// File is a private file that is being written. It appears under its path with Link or
// Replace; without, Close discards it. It is not safe for concurrent use.
type File struct {
	*os.File
	// path is absolute.
	path string
	// temp is its present name; empty while it has none.
	temp string
	done bool
}

// New begins to write the file of that path. Its folder must exist. It removes what a
// killed process left of an earlier one.
func New(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if f := nameless(filepath.Dir(path)); f != nil {
		return &File{File: f, path: path}, errors.Join(RemoveStale(path), protect(f))
	}
	return newNamed(path)
}

// newNamed is New where a file has to have a name.
func newNamed(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := RemoveStale(path); err != nil {
		return nil, err
	}
	for {
		temp := tempName(path)
		f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, fileMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, withoutName(err)
		}
		// The lock says that a process writes it; RemoveStale may have been faster.
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(err, os.Remove(temp), f.Close())
		}
		if !isFile(temp, f) {
			_ = f.Close() // removed: begin again
			continue
		}
		return &File{File: f, path: path, temp: temp}, protect(f)
	}
}

// protect is for a umask that takes rights from the owner.
func protect(f *os.File) error { return f.Chmod(fileMode) }

// Link makes the file durable and gives it its path, where nothing may be: the error is
// fs.ErrExist then, and nothing is changed.
func (f *File) Link() error {
	if err := f.Sync(); err != nil {
		return err
	}
	err := f.link(f.path)
	if f.temp != "" && err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without hard links.
		if _, there := os.Lstat(f.path); there == nil {
			err = fs.ErrExist
		} else {
			err = os.Rename(f.temp, f.path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	case err != nil:
		return withoutName(err)
	}
	return f.settled()
}

// Replace makes the file durable and puts it in the place of what has its path, in one
// step: a reader sees the old content or the new, and a crash leaves one of them.
func (f *File) Replace() error {
	if err := f.Sync(); err != nil {
		return err
	}
	if f.temp == "" {
		err := f.link(f.path)
		if err == nil {
			return f.settled()
		}
		if !errors.Is(err, fs.ErrExist) {
			return withoutName(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		temp := tempName(f.path)
		if err := f.link(temp); err != nil {
			return withoutName(err)
		}
		f.temp = temp
	}
	if err := os.Rename(f.temp, f.path); err != nil {
		return withoutName(err)
	}
	f.temp = ""
	return f.settled()
}

// settled makes the new name durable.
func (f *File) settled() error {
	f.done = true
	return SyncFolder(filepath.Dir(f.path))
}

// Close closes the file, and discards it unless it has got its path.
func (f *File) Close() error {
	var err error
	if f.temp != "" {
		if err = os.Remove(f.temp); errors.Is(err, fs.ErrNotExist) && f.done {
			err = nil // renamed by Link
		}
		f.temp = ""
	}
	return errors.Join(err, f.File.Close())
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// isFile reports whether a name is still that of an open file.
func isFile(name string, f *os.File) bool {
	there, err := os.Lstat(name)
	if err != nil {
		return false
	}
	here, err := f.Stat()
	return err == nil && os.SameFile(there, here)
}

// withoutName takes a temporary name out of an error: the caller names the real one.
func withoutName(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// Write replaces a file in one step with a private one.
func Write(path string, content []byte) error { return WriteMode(path, content, fileMode) }

// Create writes a private file where there is none: the error is fs.ErrExist if there is one, of
// another process that was faster too. A reader sees all of it or nothing.
func Create(path string, content []byte) (err error) {
	f, err := New(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutName(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.File.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, withoutName(err))
	}
	if err := f.Link(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteMode is Write for a file that is to have another mode in the end, such as a
// certificate that all may read.
func WriteMode(path string, content []byte, mode fs.FileMode) (err error) {
	f, err := New(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutName(err))
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err := f.File.Write(content); err != nil {
		return withoutName(err)
	}
	if mode != fileMode {
		if err := f.Chmod(mode); err != nil {
			return withoutName(err)
		}
	}
	return f.Replace()
}

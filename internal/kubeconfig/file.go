package kubeconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// Merge adds the entry to a kubeconfig file, or updates it there; the file is made with mode 0600
// if it is missing. The context becomes the current one as edit says; switched reports that.
//
// The file is replaced in one step and keeps its owner; others lose their rights to it, for it
// holds the token. A symbolic link stays one. A file that would not change is not written.
func (e Entry) Merge(path string, always bool) (switched bool, err error) {
	unlock, err := lock(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	target, err := resolve(path)
	if err != nil {
		return false, err
	}
	// The token must not get into a file that another user has put there.
	if err := errors.Join(privatefile.CheckFolder(filepath.Dir(target)), privatefile.CheckGiven(path, false)); err != nil {
		return false, err
	}
	old, err := os.ReadFile(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	document, err := parse(old)
	if err != nil {
		return false, err
	}
	if switched, err = e.edit(document, always); err != nil {
		return false, err
	}
	content, err := encode(document)
	if err != nil {
		return switched, err
	}
	if err := privatefile.Tighten(target); err != nil || bytes.Equal(content, old) {
		return switched, err
	}
	return switched, replace(target, content)
}

// resolve returns the file that a path leads to. The last link may lead to a file that does not
// exist.
func resolve(path string) (string, error) {
	for range maxLinks {
		link, err := os.Readlink(path)
		if err != nil {
			// Not a link, or no file.
			return path, nil
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

const maxLinks = 40

// replace writes a file in one step: a reader sees the old content or the new. Until then nobody
// else can read it.
func replace(path string, content []byte) (err error) {
	file, err := privatefile.New(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if info, statErr := os.Stat(path); statErr == nil {
		// The owner first: changing it may clear bits of the mode.
		keepOwner(file.File, info)
		if err := file.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
	}
	return file.Replace()
}

const (
	// lockWait is how long others may hold the lock. They hold it for milliseconds.
	lockWait = 10 * time.Second
	lockPoll = 20 * time.Millisecond
)

// lock takes the lock that kubectl and client-go take: a file beside the kubeconfig that only one
// process can create. A lock older than lockWait was left behind by a process that was killed; it
// is taken over.
func lock(path string) (unlock func() error, err error) {
	name := path + ".lock"
	for begin := time.Now(); ; {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0)
		if err == nil {
			return func() error { return os.Remove(name) }, file.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("lock %s: %w", path, errors.Unwrap(err))
		}
		info, err := os.Lstat(name)
		if err == nil && time.Since(info.ModTime()) > lockWait {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("remove the abandoned lock of %s: %w", path, err)
			}
			continue
		}
		if time.Since(begin) > 2*lockWait {
			return nil, fmt.Errorf("another program keeps %s locked: if none does, delete %s", path, name)
		}
		time.Sleep(lockPoll)
	}
}

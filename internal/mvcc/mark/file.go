package mark

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrDamaged is Read's answer where a file holds no mark that can be trusted.
var ErrDamaged = errors.New("it holds no valid mark")

// File holds the newest mark in two slots that are written in turn, in place: so a torn
// or damaged write leaves the mark before it, and a write needs no space on a full
// disk. Not safe for concurrent use, except that Sync may run beside the others.
type File struct {
	path     string
	f        *os.File
	sequence uint64
	line     []byte
	// fresh is a file whose slots and folder entry have still to be made durable.
	fresh bool
}

// slotOffset keeps the slots in different blocks.
const slotOffset = 4096

// Read returns the newest mark in the file. Errors wrap fs.ErrNotExist or ErrDamaged where
// that is the reason.
func Read(path string) (Mark, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Mark{}, fmt.Errorf("read the mark: %w", err)
	}
	defer f.Close()
	m, _, err := read(f)
	if err != nil {
		return Mark{}, fmt.Errorf("read the mark %s: %w", path, err)
	}
	return m, nil
}

func read(f *os.File) (newest Mark, sequence uint64, err error) {
	found := false
	for slot := range int64(2) {
		line := make([]byte, slotSize+sideSize)
		if _, err := f.ReadAt(line, slot*slotOffset); err != nil && !errors.Is(err, io.EOF) {
			return newest, 0, err
		}
		if m, s, ok := decode(line); ok && (!found || s > sequence) {
			newest, sequence, found = m, s, true
		}
	}
	if !found {
		return newest, 0, ErrDamaged
	}
	return newest, sequence, nil
}

// Open opens the file to write marks, and makes it, for its owner only, if it is missing.
func Open(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the mark: %w", err)
	}
	file := &File{path: path, f: f}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file: move it away")
	}
	if err == nil && info.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err == nil {
		_, file.sequence, err = read(f)
		if errors.Is(err, ErrDamaged) {
			file.fresh, err = true, nil
		}
	}
	if err != nil {
		_ = f.Close() // the first error says more
		return nil, fmt.Errorf("open the mark %s: %w", path, err)
	}
	return file, nil
}

// Put replaces the mark. It outlives the process at once, and the machine after Sync.
func (f *File) Put(m Mark) error {
	writes := 1
	if f.fresh {
		writes = 2 // both slots, which takes the space that later marks need
	}
	for range writes {
		f.sequence++
		f.line = m.encode(f.line, f.sequence)
		if _, err := f.f.WriteAt(f.line, int64(f.sequence%2)*slotOffset); err != nil {
			return fmt.Errorf("write the mark %s: %w", f.path, err)
		}
	}
	f.fresh = false
	return nil
}

// Sync makes the marks that were put durable.
func (f *File) Sync() error {
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("sync the mark %s: %w", f.path, err)
	}
	return nil
}

// InPlace reports whether the path still leads to the file.
func (f *File) InPlace() bool {
	at, err := os.Lstat(f.path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // what cannot be told is left alone
	}
	have, err := f.f.Stat()
	return err == nil && os.SameFile(at, have)
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

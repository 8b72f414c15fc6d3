package sqlite

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves space for a file without writing any. The error is errors.ErrUnsupported
// where the file system cannot.
func allocate(f *os.File, size int64) error {
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		return fmt.Errorf("allocate %d bytes: %w", size, err)
	}
	return nil
}

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// lock takes the file beside the database that keeps other processes out, for
// as long as it stays open. The kernel lets go of it when the process
// ends, however it ends.
func lock(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := privatefile.Open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := holderIn(f)
		f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		return nil, heldError(holder)
	}
	// The number only helps whoever is kept out.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// holderIn reads the process that a lock file names; 0 where it names none.
func holderIn(f io.Reader) int {
	text, _ := io.ReadAll(io.LimitReader(f, 64)) // only to be helpful
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func heldError(pid int) error {
	who := "another process"
	if pid > 0 {
		who = fmt.Sprintf("process %d", pid)
	}
	return &database.FaultError{Fault: database.FaultHeld, Err: fmt.Errorf("%s has it open: stop that one first, or choose another path", who)}
}

// Held returns an error that names the process which has the database open, nil if there is none.
// It changes nothing.
func Held(path string) error {
	path, err := usable(path)
	if err != nil {
		return err
	}
	f, err := os.Open(path + ".lock")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err)
	}
	defer f.Close()
	// The lock is tried only where the process that the file names is alive: a server that starts at
	// this moment, beside the file of one that was killed, would be kept out by the attempt.
	pid := holderIn(f)
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return heldError(pid)
	}
	return nil // closing the file lets go of the lock
}

package measure

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// OnCores keeps this process on cores from..to, counted from 0, and with it every process that it
// starts from now on. Other than limiting GOMAXPROCS it keeps the kernel's work for the process
// there too.
func OnCores(from, to int) error {
	if from < 0 || to < from || to >= runtime.NumCPU() {
		return fmt.Errorf("keep to cores %d to %d: the machine has %d", from, to, runtime.NumCPU())
	}
	var cores unix.CPUSet
	for c := from; c <= to; c++ {
		cores.Set(c)
	}
	// Threads inherit the cores of the one that starts them; those that are there already must be
	// told.
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list this process's threads: %w", err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return fmt.Errorf("read the number of a thread: %w", err)
		}
		if err := unix.SchedSetaffinity(id, &cores); err != nil && err != unix.ESRCH {
			return fmt.Errorf("keep thread %d to cores %d to %d: %w", id, from, to, err)
		}
	}
	return nil
}

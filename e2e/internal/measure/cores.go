package measure

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// OnCores pins this process, and every process that it starts later, to cores from..to, counted
// from 0. Unlike a limit of GOMAXPROCS, it also pins the kernel's work for the process.
func OnCores(from, to int) error {
	if from < 0 || to < from || to >= runtime.NumCPU() {
		return fmt.Errorf("keep to cores %d to %d: the machine has %d", from, to, runtime.NumCPU())
	}
	var cores unix.CPUSet
	for c := from; c <= to; c++ {
		cores.Set(c)
	}
	// A thread inherits the cores of the thread that starts it; existing threads must be pinned
	// separately.
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

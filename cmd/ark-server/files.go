package main

import (
	"math"
	"syscall"
)

// openFiles returns how many files the process may open, or 0 if that is not known. Go has already
// raised the soft limit to the hard limit.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}

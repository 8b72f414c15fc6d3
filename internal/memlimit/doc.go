// Package memlimit finds out how much memory the process may have.
//
// In a container that is a limit of its control groups, of version 1 or 2. Go knows
// nothing of it: without a limit of its own a heap grows until the kernel kills the
// process. The package reads; what is done with it is the caller's affair.
//
// The package may import the standard library only.
package memlimit

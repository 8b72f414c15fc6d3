// Package heap fits Go's heap into the memory there is: it sets the limit that the container
// gives, and how much garbage may collect between two collections.
//
// Go's own rule lets garbage grow to the size of what is live. That is too little for a small
// server under load, which would collect several times a second, and too much for a large one
// that is idle, which would hold twice what it needs. So the headroom follows the rate of
// allocation: as much as keeps the collector at a fixed share of the processors, and no more.
//
// It also says how near the process is to its limit, so that a server can turn away what it has no
// memory for before the kernel kills it.
//
// GOGC and GOMEMLIMIT in the environment have the last word.
//
// The package may import internal/memlimit.
package heap

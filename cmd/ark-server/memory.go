package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageFloor is how much may be allocated between two garbage collections, at
// least. A small server under load would otherwise collect several times a second:
// Go lets garbage grow to the size of what is live, and here that is little beside
// what requests leave behind.
const garbageFloor = 256 << 20

// keepGarbageFloor adjusts the collector after each collection, for the life of the
// process. Large heaps keep Go's own proportion, so the price is garbageFloor bytes of
// memory at most. GOGC or GOMEMLIMIT in the environment have the last word.
func keepGarbageFloor() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	afterCollection()
}

// afterCollection sets the proportion from what the last collection found live,
// and leaves an object for the next one to find.
func afterCollection() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := 100
	if bytes := live[0].Value.Uint64(); bytes < garbageFloor {
		percent = int(min(garbageFloor*100/max(bytes, 1), 10_000))
	}
	debug.SetGCPercent(percent)
	runtime.AddCleanup(new([16]byte), func(struct{}) { afterCollection() }, struct{}{})
}

package server

import (
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/mckinsey/ark-server/internal/memlimit"
)

// garbageFloor is how much may be allocated between two garbage collections, at
// least. A small server under load would otherwise collect several times a second:
// Go lets garbage grow to the size of what is live, and here that is little beside
// what requests leave behind.
const garbageFloor = 512 << 20

// quiet is how long after the last collection a server counts as idle. It gives its garbage
// back then: Go collects every two minutes in any case, and keeps what the floor would allow.
const quiet = time.Minute

// TuneMemory fits the heap into what there is, for the life of the process: root is the root of the
// file system, where a container's limits are. It is to be called once, at the start.
func TuneMemory(root fs.FS) {
	limitMemory(root)
	keepGarbageFloor(root)
}

// limitMemory fits the heap into what the container allows: Go collects more often when it comes
// near the limit, where it would otherwise grow until the kernel kills the process. A tenth is
// left for what is not on the heap. Without a limit nothing is set. GOMEMLIMIT in the environment
// has the last word.
func limitMemory(root fs.FS) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := memlimit.Container(root); limit > 0 {
		debug.SetMemoryLimit(int64(limit / 10 * 9))
	}
}

// keepGarbageFloor adjusts the collector after each collection, for the life of the
// process. Large heaps keep Go's own proportion, so the price is at most the floor in
// memory, and never more than an eighth of what the machine or the container has.
// GOGC or GOMEMLIMIT in the environment have the last word.
func keepGarbageFloor(root fs.FS) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	floor := uint64(garbageFloor)
	for _, limit := range []uint64{memlimit.Container(root), memlimit.Machine(root)} {
		if limit > 0 {
			floor = min(floor, limit/8)
		}
	}
	afterCollection(collection{floor, time.Now()})
}

// collection is one that has been, and the floor.
type collection struct {
	floor uint64
	at    time.Time
}

// afterCollection sets the proportion from what the last collection found live,
// and leaves an object for the next one to find.
func afterCollection(last collection) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	now := time.Now()
	debug.SetGCPercent(garbagePercent(max(live[0].Value.Uint64(), 1), last.floor, now.Sub(last.at)))
	runtime.AddCleanup(new([16]byte), afterCollection, collection{last.floor, now})
}

// garbagePercent is how much garbage may be beside what is live.
func garbagePercent(live, floor uint64, since time.Duration) int {
	if live >= floor || since >= quiet {
		return 100
	}
	return int(min(floor*100/live, 10_000))
}

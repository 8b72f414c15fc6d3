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

// startFloor takes its place for the first collections of a process. A start leaves three quarters of what it allocates
// behind: with this it collects three times, and peaks a hundred MiB lower. A server under load has made these collections
// within a moment.
const (
	startFloor       = 64 << 20
	startCollections = 4
)

// leastHeap is what Go takes for live, at least, when it applies a percentage.
const leastHeap = 4 << 20

// quiet is how long after the last collection a server counts as idle. It gives back to the
// system then what it does not use: Go collects every two minutes in any case, but keeps what
// the floor would allow, and gives the rest back over many minutes.
const quiet = time.Minute

// worthwhile is how much memory there must be to give back for another collection to be made.
const worthwhile = 64 << 20

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
	afterCollection(collection{floor: floor, at: time.Now()})
}

// collection is one that has been, how many there were before it, and the floor.
type collection struct {
	floor  uint64
	before int
	at     time.Time
}

// currentFloor is the floor until the next collection.
func (c collection) currentFloor() uint64 {
	if c.before < startCollections {
		return min(c.floor, startFloor)
	}
	return c.floor
}

// afterCollection sets the proportion from what the last collection found live,
// and leaves an object for the next one to find.
func afterCollection(last collection) {
	heap := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(heap)
	live, held := max(heap[0].Value.Uint64(), leastHeap), uint64(0)
	for _, part := range heap[1:] {
		held += part.Value.Uint64()
	}
	now := time.Now()
	since := now.Sub(last.at)
	debug.SetGCPercent(garbagePercent(live, last.currentFloor(), since))
	runtime.AddCleanup(new([16]byte), afterCollection, collection{last.floor, last.before + 1, now})
	if givesBack(live, held, since) {
		go debug.FreeOSMemory() // collects once more, after which there is nothing to give back
	}
}

// givesBack reports whether an idle server holds much more memory than it uses.
func givesBack(live, held uint64, since time.Duration) bool {
	return since >= quiet && held > 2*live+worthwhile
}

// garbagePercent is how much garbage may be beside what is live.
func garbagePercent(live, floor uint64, since time.Duration) int {
	if live >= floor || since >= quiet {
		return 100
	}
	return int(min(floor*100/live, 10_000))
}

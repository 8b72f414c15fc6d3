package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
)

// garbageFloor is how much may be allocated between two garbage collections, at
// least. A small server under load would otherwise collect several times a second:
// Go lets garbage grow to the size of what is live, and here that is little beside
// what requests leave behind.
const garbageFloor = 512 << 20

// keepGarbageFloor adjusts the collector after each collection, for the life of the
// process. Large heaps keep Go's own proportion, so the price is at most the floor in
// memory, and never more than an eighth of what the machine or the container has.
// GOGC or GOMEMLIMIT in the environment have the last word.
func keepGarbageFloor() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	floor := uint64(garbageFloor)
	if limit := memoryLimit(); limit > 0 {
		floor = min(floor, limit/8)
	}
	afterCollection(floor)
}

// afterCollection sets the proportion from what the last collection found live,
// and leaves an object for the next one to find.
func afterCollection(floor uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := uint64(100)
	if bytes := max(live[0].Value.Uint64(), 1); bytes < floor {
		percent = min(floor*100/bytes, 10_000)
	}
	debug.SetGCPercent(int(percent))
	runtime.AddCleanup(new([16]byte), afterCollection, floor)
}

// memoryLimit is how many bytes the container allows or the machine has; 0 where
// neither can be told, as on macOS.
func memoryLimit() uint64 {
	limit := uint64(0)
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		limit, _ = strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64) // "max" is no limit
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return limit
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "MemTotal:" {
			if kib, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil && (limit == 0 || kib<<10 < limit) {
				limit = kib << 10
			}
		}
	}
	return limit
}

package heap

import (
	"io/fs"
	"math"
	"os"
	"runtime/debug"

	"github.com/mckinsey/ark-server/internal/memlimit"
)

// Tune fits the heap into what there is, for the life of the process: root is the root of the
// file system, where a container's limits are. changed is called with each change of the
// Pressure, in a goroutine of the runtime, which it must not hold up. Call Tune once, at the start.
func Tune(root fs.FS, changed func(before, now Pressure)) {
	limit(root)
	start(mostGarbage(root), os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "", changed)
}

// limit fits the heap into what the container allows: Go collects more often when it comes
// near the limit, where it would otherwise grow until the kernel kills the process. A tenth is
// left for what is not on the heap. Without a limit nothing is set.
func limit(root fs.FS) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := memlimit.Container(root); limit > 0 {
		debug.SetMemoryLimit(int64(limit / 10 * 9))
	}
}

// Limit returns the limit on the process's memory, in bytes, as Tune or GOMEMLIMIT set it; 0
// where there is none.
func Limit() uint64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return uint64(limit)
	}
	return 0
}

// Share returns bytes, or the nth part of the limit if that is less: the room that a buffer may
// take in a small container.
func Share(bytes, n uint64) uint64 {
	if limit := Limit(); limit > 0 {
		return min(bytes, limit/n)
	}
	return bytes
}

// mostGarbage bounds the garbage in addition to a small heap: no more than an eighth of
// what the machine or the container has.
func mostGarbage(root fs.FS) uint64 {
	most := uint64(garbageOfBusy)
	for _, limit := range []uint64{memlimit.Container(root), memlimit.Machine(root)} {
		if limit > 0 {
			most = min(most, limit/8)
		}
	}
	return most
}

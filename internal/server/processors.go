package server

import (
	"os"
	"runtime"
	"sync"
)

// spareProcessor raises GOMAXPROCS by one. The writer of an SQLite file spends much of its time in
// fsync. A thread in a system call keeps its processor until Go's monitor has observed it there
// twice, so without a spare one, a core is idle during that time although requests wait. A single
// core gets none, because switching between the threads costs more than it saves. It runs once per
// process, regardless of the number of files. GOMAXPROCS in the environment has precedence.
//
// After that, Go no longer adapts to changes of a container's CPU limit, and uses only the limit at
// the start.
var spareProcessor = sync.OnceFunc(func() {
	if n := runtime.GOMAXPROCS(0); n > 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(n + 1)
	}
})

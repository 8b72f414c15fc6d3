package server

import (
	"os"
	"runtime"
	"sync"
)

// spareProcessor lets Go run goroutines on one thread more than it would. The writer
// of an SQLite file spends much of its time in fsync, and a thread in a system call
// keeps its place among those that run goroutines until Go's monitor has found it
// there twice: without a spare one, a core idles meanwhile although requests
// wait. A single core gets none: there the switching between the threads costs more
// than that. It happens once in a process, however many files it opens. GOMAXPROCS in
// the environment has the last word.
//
// Go no longer follows a container's changes of its CPU limit then, only the limit at
// the start.
var spareProcessor = sync.OnceFunc(func() {
	if n := runtime.GOMAXPROCS(0); n > 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(n + 1)
	}
})

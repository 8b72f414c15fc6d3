// Package crash kills a process in the middle of its writes, many times, and checks what it left on disk.
//
// The test binary starts itself as a child that opens the revisioned store on SQLite and lets 32 writers write to it. The child
// reports each acknowledged write, and each event a watcher of it saw, on a pipe; the parent kills it with SIGKILL at a random
// moment, copies the files as they are, opens the copy and holds it against all that was reported. The next child goes on with the
// original, so that crashes follow on crashes without a clean close between them.
//
// A killed process leaves the operating system's page cache alone: this shows that no state in the process is needed to make sense
// of the file. That acknowledged writes are synced to disk is a matter of SQLite's synchronous=FULL.
package crash

// Package crash kills a process in the middle of its writes, many times, and checks what it left on
// disk.
//
// The test binary starts itself as a child that opens the revisioned store on SQLite, PostgreSQL or
// MariaDB and lets 32 writers write to it, and 4 to its side tables. The child reports each
// acknowledged write, and each event a watcher of it saw, on a pipe; the parent kills it with
// SIGKILL at a random moment, opens what is there (of SQLite a copy of the files as they are) and
// holds it against all that was reported. The next child goes on with the original, so that crashes
// follow on crashes without a clean close between them.
//
// A killed process leaves the operating system's page cache alone: this shows that no state in the
// process is needed to make sense of the file. That acknowledged writes are synced to disk is a
// matter of SQLite's synchronous=FULL.
//
// Database servers themselves are killed in the tests of their engines and in ../replicas.
package crash

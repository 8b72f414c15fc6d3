// Package crash kills a process in the middle of its writes, many times, and verifies the data on
// disk.
//
// The test binary starts itself as a child that opens the revisioned store on SQLite, PostgreSQL or
// MariaDB. In it 32 writers write to the store, and 4 to its side tables. The child reports each
// acknowledged write, and each event that a watcher received, on a pipe. The parent kills it with
// SIGKILL at a random moment, opens the data (for SQLite a copy of the unmodified files) and
// compares it with all reports. The next child continues with the original, so that crashes follow
// each other without a clean close.
//
// A killed process does not affect the operating system's page cache: the test shows that the file
// is consistent without any state of the process. That acknowledged writes are synced to disk is
// ensured by SQLite's synchronous=FULL.
//
// Database servers themselves are killed in the tests of their engines and in ../replicas.
package crash

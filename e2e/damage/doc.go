// Package damage randomly damages the files that a killed process leaves of an SQLite database, and
// checks that no loss of an acknowledged write is silent.
//
// The test binary starts itself as a child that writes to a store. The child reports each
// acknowledged write on a pipe, which is the journal. The parent kills it, copies the files from
// time to time as older copies, and damages a copy of the rest: bytes are flipped, files are cut,
// removed, or replaced by older ones. The files are the database, its write-ahead log, the shared
// memory, the marks and the keys folder; one, two or three are damaged at once.
//
// If an entry of the journal is missing, the start must refuse, or a read must fail, or check must
// find damage. If a start refuses, it must not change the files, and the remedy that it names must
// lead to a database that continues after all revisions handed out.
//
// Two faults can hide each other: an older copy of everything, marks included, cannot be
// distinguished from the current files. Such trials are counted and do not fail.
package damage

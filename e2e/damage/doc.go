// Package damage damages what a killed process leaves of an SQLite database, at random, and checks
// that nothing acknowledged is missing in silence.
//
// The test binary starts itself as a child that writes to a store. The child reports each
// acknowledged write on a pipe, which is the journal; the parent kills it, keeps a copy of the
// files now and then as older copies, and damages a copy of the rest: bytes flipped, files cut,
// removed, or swapped with older ones: the database, its write-ahead log, the shared memory, the
// marks, the keys folder; one, two or three at once.
//
// The start must refuse, or read must fail, or check must find damage, whenever something of the
// journal is missing. What a start refuses must stay as it is, and the way out that it names must
// lead to a database that goes on past all revisions handed out.
//
// Two faults can hide each other: an older copy of everything, marks included, cannot be told from
// the real thing. Such trials are counted, not failed.
package damage

// Package history keeps every version of an object beyond the store's compaction, and reads it: who made it, when,
// why, and the object itself as it was.
//
//   - port.go, query.go: what readers see
//   - archive.go, begin.go: versions go from the log to side tables
//   - record.go, delta.go, keys.go, event.go: what rows hold of a version, and how they are found
//   - read.go, list.go, asof.go: reading the side tables together with what is still in the log
//   - policy.go, retain.go, keep.go: which versions are kept, and taking away the others
//
// Invariants: a version is a revision of an object; nothing is pruned from the log that is not in the archive; a page names
// each version once, and the pages of a query follow each other without a gap; a version's object has the bytes that the
// store had.
//
// The package may import internal/mvcc and golang.org/x/sync.
package history

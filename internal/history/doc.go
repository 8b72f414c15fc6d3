// Package history keeps every version of an object beyond the store's compaction, and reads it: who made it, when,
// why, and the object itself as it was.
//
//   - port.go, query.go: what readers see
//
// Invariants: a version is a revision of an object; a page names each version once, and the pages of a query follow each
// other without a gap.
//
// The package may import the standard library only.
package history

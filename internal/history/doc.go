// Package history keeps every version of an object beyond the store's compaction, and reads it: the
// user, the time, the cause, and the object itself.
//
//   - port.go, query.go: the interface for readers
//   - archive.go, state.go, step.go, begin.go: copying versions from the log to side tables
//   - record.go, index.go, delta.go, keys.go: the encoding of versions in rows, and their indexes
//   - event.go, meta.go: the fields of a version that come from a change of the log and from its
//     object
//   - rows.go, read.go, get.go, list.go, asof.go, scan.go: reading the side tables together with
//     the log
//   - policy.go, retain.go, purge.go, remove.go, unindex.go, rest.go, turn.go, keep.go, stored.go:
//     which versions are kept, their size, and the removal of the others
//   - chain.go: the hash chain
//   - verify.go, verify_links.go, verify_rows.go: comparing the archive with the hash chain: links,
//     their versions, and index entries
//
// Invariants: a version is a revision of an object; only archived revisions are pruned from the
// log; a page has each version once, and the pages of a query follow each other without a gap; a
// version's object has the bytes that the store had, or the JSON of a value that is stored in
// another form. Replicas archive one after the other, and only one at a time removes versions: a
// write that is based on a state that another replica has changed is refused.
//
// The package may import internal/mvcc and golang.org/x/sync.
package history

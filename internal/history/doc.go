// Package history keeps every version of an object beyond the store's compaction, and reads it: the
// user, the time, the cause, and the object itself.
//
//   - port.go, query.go: what readers see
//   - archive.go, state.go, step.go, begin.go: versions go from the log to side tables
//   - record.go, index.go, delta.go, keys.go: what rows hold of versions, and how they are found
//   - event.go, meta.go: what a version takes from a change of the log and from its object
//   - rows.go, read.go, list.go, asof.go, scan.go: reading the side tables together with what is
//     still in the log
//   - policy.go, retain.go, purge.go, remove.go, rest.go, turn.go, keep.go, stored.go: which
//     versions are kept, what they take, and taking away the others
//   - chain.go: the hash chain
//   - verify.go, verify_links.go, verify_rows.go: comparing what is archived with it: links, their
//     versions, and what finds these
//
// Invariants: a version is a revision of an object; only archived revisions are pruned from the
// log; a page has each version once, and the pages of a query follow each other without a gap; a
// version's object has the bytes that the store had, or the JSON of a value that is stored in
// another form. Replicas archive one after the other, and only one at a time removes versions: a
// write that is based on a state that another replica has changed is refused.
//
// The package may import internal/mvcc and golang.org/x/sync.
package history

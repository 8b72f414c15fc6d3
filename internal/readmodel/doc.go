// Package readmodel keeps a copy of the Ark objects as flat, typed tables in a local SQLite file,
// for SQL and search.
//
//   - kinds.go: which columns a kind has, and where in the object they come from
//   - reading.go: how a value is read, for SQL on the primary too
//   - row.go: the row of an object
//   - message.go: the messages and the calls of tools of a Query
//   - text.go: what search looks into
//   - scope.go: words of the index that say whose objects match
//   - schema.go: the tables
//   - model.go, apply.go: the file, and what changes it
//   - scrub.go: removing what is left of rows that are gone
//   - follow.go: how it is built, and follows the storage
//   - past.go: versions and deleted objects, from the history
//
// Invariants:
//
//   - The file is no source of truth: whatever is wrong with it, it is built again from the
//     storage.
//   - The checkpoint is written in the transaction of the rows that it covers. What was built step
//     by step equals what is built at once from the storage's state at the same revision.
//   - Versions and deleted objects have a checkpoint of their own, in the transaction of their
//     rows. They are what the history has, as of the last comparison, and go before objects do
//     where the file is full.
//   - Only the columns of kinds.go leave an object. None of them can hold a credential: no headers,
//     no API keys, no properties.
//   - Writers of the storage do not wait for the model.
//
// The package may import internal/diskspace, internal/search/token and modernc.org/sqlite.
package readmodel

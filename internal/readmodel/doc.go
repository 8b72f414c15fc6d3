// Package readmodel keeps a copy of the Ark objects as flat, typed tables in a local SQLite file,
// for SQL and search.
//
//   - kinds.go: the columns of each kind, and their source in the object
//   - reading.go: how a value is read, for SQL on the primary too
//   - row.go: the row of an object
//   - message.go: the messages and the tool calls of a Query
//   - text.go: the columns that search uses
//   - scope.go: index words that restrict a match by kind and namespace
//   - schema.go: the tables
//   - model.go, apply.go: the file, and writing to it
//   - scrub.go: erasing the remains of deleted rows
//   - follow.go: building the model, and following the storage
//   - past.go: versions and deleted objects, from the history
//
// Invariants:
//
//   - The file is no source of truth: if anything is wrong with it, it is rebuilt from the storage.
//   - The checkpoint is written in the transaction of the rows that it covers. A model that was
//     updated change by change equals one that is built at once from the storage's state at the
//     same revision.
//   - Versions and deleted objects have a separate checkpoint, in the transaction of their rows.
//     They equal those of the history as of the last comparison, and are removed before objects if
//     the file is full.
//   - Only the columns of kinds.go are copied from an object. None of them can contain a
//     credential: no headers, no API keys, no properties.
//   - Writers of the storage do not wait for the model.
//
// The package may import internal/diskspace, internal/search/token and modernc.org/sqlite.
package readmodel

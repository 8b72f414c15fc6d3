// Package sqlquery answers one SELECT of a user from the read model, limited to the rows that the
// user may list.
//
//   - request.go: what is asked, what is answered, and the errors
//   - stream.go: the deadline, and the rows as a statement has them
//   - run.go: a statement in its sandbox, with its limits
//   - interrupt.go: the end of a statement that has rows already
//   - memory.go: how much memory it may take
//   - attach.go: the file of the model, under a name that is drawn
//   - views.go: the views that a request sees
//   - sandbox.go: what a statement may do
//   - functions.go: the functions that it may call
//   - percentile.go: functions that SQLite lacks
//   - errors.go: what a user reads of what went wrong
//
// Each request has its own read-only connection, with temporary views of the permitted rows and an
// authorizer that lets the statement read nothing else. The connection is closed afterwards.
//
// Invariants:
//
//   - A base table is read only from within a view of the request. SQLite tells the authorizer the
//     innermost view or common table expression, so a statement could name one of its own like a
//     view: the base tables are therefore behind a common table expression whose name is drawn at
//     random for each request and cannot be guessed.
//   - No base table has a name that a statement can write: SQLite asks the authorizer about none of
//     the columns that NATURAL and USING compare, and a FULL JOIN shows them. The file is therefore
//     attached under a name that is drawn for each request, and main has an empty table for each of
//     its tables.
//   - What is not known to be harmless is denied.
//   - The caller gets an answer by the deadline, also where SQLite does not stop: then the place
//     stays taken until it does.
//
// The package may import internal/readmodel, modernc.org/libc and modernc.org/sqlite.
package sqlquery

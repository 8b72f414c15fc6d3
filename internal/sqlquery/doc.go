// Package sqlquery answers one SELECT of a user from the read model, limited to the rows that the
// user may list.
//
//   - request.go: requests, answers and errors
//   - stream.go: the deadline, and rows while a statement runs
//   - run.go: a statement in its sandbox, with its limits
//   - interrupt.go: interrupting a statement that has returned rows
//   - memory.go: the memory limit of a statement
//   - attach.go: attaching the file of the model under a random name
//   - views.go: the views of a request
//   - sandbox.go: the permitted actions of a statement
//   - functions.go: the permitted functions
//   - percentile.go: functions that SQLite lacks
//   - errors.go: errors for users
//
// Each request has its own read-only connection, with temporary views of the permitted rows and an
// authorizer that lets the statement read nothing else. The connection is closed afterwards.
//
// Invariants:
//
//   - A base table is read only from within a view of the request. SQLite passes the innermost view
//     or common table expression to the authorizer, and a statement could define one with the name
//     of a view. Therefore the base tables are behind a common table expression with a random,
//     unguessable name for each request.
//   - No base table has a name that a statement can write: SQLite asks the authorizer about none of
//     the columns that NATURAL and USING compare, and a FULL JOIN shows them. Therefore the file is
//     attached under a random name for each request, and main has an empty table for each of its
//     tables.
//   - Every action that is not known to be harmless is denied.
//   - The caller gets an answer by the deadline, even if SQLite does not stop: its slot is then
//     occupied until it does.
//
// The package may import internal/readmodel, modernc.org/libc and modernc.org/sqlite.
package sqlquery

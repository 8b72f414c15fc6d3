// Package pgwire serves read-only SQL by PostgreSQL's protocol, for BI tools.
//
//   - server.go, cancel.go: the listener and its connections
//   - startup.go: TLS, and who connects
//   - session.go, extended.go, commands.go: statements by both protocols, and those about the
//     session
//   - lex.go, translate.go, call.go, cast.go, clock.go: PostgreSQL's dialect in SQLite's
//   - types.go: types and values as clients read them
//   - catalog.go: what clients ask about tables
//   - fault.go: errors with PostgreSQL's codes
//
// Invariants:
//
//   - A statement runs with the token of its connection, by the Backend, which decides what it may
//     read.
//   - A password is read in clear text only from TLS or from a loopback address. It is in no log
//     and no error.
//   - What is not translated is refused with 0A000 and its name. It is never run as something else.
//
// The package may import github.com/jackc/pgx/v5 and modernc.org/sqlite.
package pgwire

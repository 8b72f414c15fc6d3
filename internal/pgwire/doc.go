// Package pgwire serves read-only SQL by PostgreSQL's protocol, for BI tools.
//
//   - server.go, cancel.go: the listener and its connections
//   - startup.go: TLS and authentication
//   - session.go, extended.go, commands.go: statements by the simple and the extended protocol, and
//     those about the session
//   - lex.go, translate.go, call.go, cast.go, clock.go: translation of PostgreSQL's dialect to
//     SQLite's
//   - types.go: types and values in the protocol
//   - catalog.go: clients' queries about tables
//   - fault.go: errors with PostgreSQL's codes
//
// Invariants:
//
//   - The Backend runs a statement with the token of its connection, and decides what it may read.
//   - A clear-text password is accepted only over TLS or from a loopback address. It is in no log
//     and no error.
//   - Unsupported syntax is refused with 0A000 and its name. It is never run with another meaning.
//
// The package may import github.com/jackc/pgx/v5 and modernc.org/sqlite.
package pgwire

// Package arktable reads the objects of an installation whose API server is Ark's own
// ark-apiserver, from the table resources of its PostgreSQL database: a transfer.Source beside the
// one that asks an API.
//
//   - The connection, and what the table must have (table.go, columns.go). Columns that releases of
//     Ark have added over time may be missing.
//   - A row made an object (row.go): the columns are metadata, spec and status, as ark-apiserver
//     puts them together.
//
// Invariants:
//
//   - Nothing is written: every statement runs in a transaction that is READ ONLY, and the right to
//     SELECT is enough.
//   - All objects are as of one moment: one transaction, REPEATABLE READ, has them all.
//   - A row that is no object is an Item with an error, which names the row. None is left out in
//     silence, but those of deleted objects, which are counted.
//   - The password is read from the file, and is in no error.
//
// The package may import internal/apis/ark/install, internal/database, internal/transfer and
// github.com/jackc/pgx/v5.
package arktable

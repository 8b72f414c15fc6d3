// Package schema leads a database from one schema version to the next.
//
// Migrations are numbered from 1: a database of version n has had the first n. It records each with
// the lowest version that a program must know to use the result, so an older program goes on beside
// a newer one where that says so, and refuses the database otherwise.
//
// The package may import internal/database.
package schema

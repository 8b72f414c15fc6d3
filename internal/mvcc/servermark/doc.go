// Package servermark keeps the mark of a store on a database server: a file of this machine that
// says what the database must hold. A start that finds the database to be an older copy, as after a
// fail-over that lost commits or a restored dump, must not serve, also where other replicas have
// written to that copy since.
//
// The package may import internal/mvcc, internal/mvcc/mark and internal/privatefile.
package servermark

// Package rows is what the engines on SQL databases have in common: how the store's revisions, keys
// and leases lie in rows. Each engine has its own schema, its own statements and its own types of
// columns; what the numbers in them mean is said here, once.
//
//	log    a row for each change of a key: Row. Its id is the revision and the position in it.
//	state  a row for each live key: Live. The id of the row that created it, and of its newest.
//	lease  a row for each lease: Lease.
//
// The package may import internal/mvcc and internal/mvcc/named.
package rows

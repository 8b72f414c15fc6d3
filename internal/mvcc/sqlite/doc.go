// Package sqlite keeps a revisioned store in one SQLite file: an mvcc.Engine on
// modernc.org/sqlite, pure Go.
//
// # Layout
//
//	log    every revision: the key, its value and who wrote it. The row id is
//	       the revision and the position in it, so that appending is the
//	       cheapest insert there is and a span of revisions is a span of rows.
//	state  the live keys: for the log row that created one, the newest row.
//	       Two numbers a key, appended by creates and close together for keys of
//	       about the same age, so that a batch of writes touches few pages.
//	lease  the leases with their deadlines.
//	side   the rows of side tables, by ids that only grow, so that they are appended
//	       too. Indexes find them by table and key, and by table and time.
//	meta   the compacted revision, how far rows have been deleted, and the newest id of
//	       side rows.
//
// # Connections
//
// One connection writes: for the sequencer, for side tables, and now and then for upkeep. Others
// read, and one copies the write-ahead log back into the file beside the writer, so that commits
// seldom wait for that. With the default synchronous=FULL a commit returns once it is on disk.
//
// A lock file beside the database keeps a second process out: the store's
// memory would not see what another writes.
//
// The package may import internal/database, internal/diskspace, internal/mvcc, internal/mvcc/mark,
// internal/mvcc/named, internal/mvcc/rows, internal/mvcc/schema, internal/privatefile,
// golang.org/x/sys and modernc.org/sqlite.
package sqlite

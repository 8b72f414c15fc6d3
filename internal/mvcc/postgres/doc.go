// Package postgres keeps a revisioned store in a PostgreSQL database that several
// replicas may share: an mvcc.Shared on jackc/pgx.
//
// # Layout
//
//	ark_log         every revision: the key, its value and who wrote it. The id is
//	                the revision and the position in it.
//	ark_state       the live keys: for the log row that created one, the newest row.
//	ark_lease       the leases with their deadlines, and for a while those that
//	                have ended.
//	ark_meta        numbers: Change, the compacted revision, how far rows have
//	                been deleted, and how far ended leases.
//	ark_maintainer  the replica that expires leases and prunes.
//	ark_side        the rows of side tables, by ids that only grow.
//	ark_side_batch  the newest batch of each writer of side tables.
//	ark_schema      the migrations that the database has had.
//
// Keys and values are bytea: exact bytes, compared bytewise whatever the
// collation.
//
// # Turns
//
// The counter is the log's newest row together with Change. Whoever holds its
// advisory lock may advance it; the lock is the first thing that a batch's
// transaction takes, and goes with the transaction. So batches follow each other
// in the order of their revisions, and what one sees at its second statement is
// all there is.
//
//	Commit        1 round trip: take the counter, write if nobody else has
//	InTurn        2, and what the caller reads in between
//	Settle, Read  1
//
// Batches of side rows take turns by an advisory lock of their own, so ids grow in
// the order of commits. Each inserts a record under its writer and number: one whose
// number is not above its writer's newest is refused, so a batch that was given up takes no
// effect; and a writer finds out what became of it. The record of
// the batch before goes; one that all batches updated would leave a dead version each time.
//
// # Connections
//
// One writes, one listens, two look after the rest (pruning, the maintainer's hold, unknown
// commits, writes to side tables), and the others read. Credentials are read from their files for
// each new connection. Sessions set what the engine relies on, so the server's defaults do not
// matter; only a pooler that changes servers between transactions brings them back, and a batch is
// refused if they are unfit.
//
// # Privileges
//
// The role needs SELECT, INSERT, UPDATE and DELETE on the tables. Migrating needs
// CREATE on the schema, and may be left to another role.
//
// The package may import internal/database, internal/mvcc, internal/mvcc/named, internal/mvcc/rows,
// internal/mvcc/schema and github.com/jackc/pgx/v5.
package postgres

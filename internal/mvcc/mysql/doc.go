// Package mysql keeps a revisioned store in a database of a MySQL (8.0 or later) or
// MariaDB (10.11 or later) server: an mvcc.Shared on go-sql-driver/mysql.
//
// # Layout
//
//	ark_log         every revision: the key, its value, who wrote it, and the batch.
//	                The primary key is the revision and the position in it, so rows
//	                are appended and a span of revisions is a span of rows.
//	ark_state       the live keys: for the log row that created one, the newest row.
//	ark_lease       the leases, and for a while those that have gone.
//	ark_counter     one row: the position, the compacted revision, the last batch.
//	ark_pruning     one row: how far rows have been deleted.
//	ark_side        the rows of side tables, by ids that only grow; ark_side_counter
//	                has the newest, and ark_side_batch the newest batch of each writer.
//	ark_maintainer  one row: the replica that expires leases and prunes.
//	ark_schema      the migrations that the database has had.
//
// Keys and values are binary columns: no collation applies to them.
//
// # Turns
//
// A batch is one transaction and, as a rule, one round trip: BEGIN, the counter's
// update, multi-row inserts, COMMIT in one packet. The update fails unless the counter is
// where the batch says, and the server stops at the first statement that fails. A batch
// beyond max_allowed_packet takes more packets; only the last has the COMMIT, so
// only that one can leave the outcome unknown. InTurn takes two round
// trips: one locks the counter, the other writes and commits.
//
// Transactions run at READ COMMITTED and lock rows by their primary keys: the
// counter before anything else, then each table in ascending order. Pruning takes
// another row first and deletes rows that no writer touches. So there are no deadlocks
// between replicas, and reads, which lock nothing, wait for nobody.
//
// Batches of side rows take turns at a counter of their own. Each inserts a record under its writer
// and number: one whose number is not above its writer's newest is refused, so a batch that
// was given up takes no effect; and a writer finds out what became of it.
//
// # Time
//
// Connecting and each statement are bounded by the configured timeout, waiting
// for a lock by half of it. A replica that dies in its turn holds the counter until
// the server notices: at once if its process dies, after at most a minute if its
// machine does.
//
// # Connections
//
// One writes, one prunes and writes side tables, two look at the counter and the leases, the others
// read the log. Each begins by reading the credentials anew, with binary quoting set (a backslash
// means nothing), so values travel as they are. A server that has turned read-only is left, and the
// next connection goes to whoever answers at the address.
//
// The package may import internal/database, internal/mvcc, internal/mvcc/named, internal/mvcc/rows,
// internal/mvcc/schema and github.com/go-sql-driver/mysql.
package mysql

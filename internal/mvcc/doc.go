// Package mvcc is the revisioned store: etcd's data model (keys with
// revisions, versions and leases, multi-key transactions, watches,
// compaction) kept durable by an Engine.
//
// # How it works
//
// A write is a Txn. Those that arrive while the engine commits form the next
// batch: one goroutine, the sequencer, decides each against the outcome of its
// predecessors, gives it the next revision, and hands the batch to the engine
// as one database transaction. Once that is durable the sequencer publishes
// the batch (tree, events, revision) and only then answers the writers. There
// is no timer: one writer pays one commit, many writers share one.
//
// The live keys are a copy-on-write B-tree in memory. A reader takes the
// published root and needs no lock. An older revision is the current tree with
// the events since then undone. The newest events stay in memory, in a ring;
// older ones are read from the engine's log. A watcher is a cursor over both,
// so it cannot lose, repeat or reorder an event, and a slow one costs nobody
// else anything.
//
// Where the engine is Shared other replicas write the same database, and take turns
// at its counter. The sequencer decides first and commits only if nothing has
// come between; where others do write it takes its turn first. Readers look at the
// counter, together, and publish up to it before they answer; a follower does the
// same whenever the engine says that something may have come.
//
// Side tables are a port of their own, on the same database: rows without revisions that
// are not held in memory. Their writer is another goroutine with a queue like the
// sequencer's.
//
// # Invariants
//
//  1. Revisions are dense from 1 (the empty store) and are published in commit
//     order. What has been published is never taken back.
//  2. Every answer's revision covers every write acknowledged before its
//     request began.
//  3. A write whose outcome is unknown is answered with ErrUnknownOutcome,
//     never with a failed compare. The sequencer reads back what the log holds
//     before it decides anything else.
//  4. A watcher sees every matching event once, in revision order, and all
//     events of a revision together. Its progress never runs ahead of them.
//  5. After Compact(c), reads and new watches below c fail with ErrCompacted, and
//     those at c work. Compaction publishes a number; rows go later, in
//     small steps between batches.
//  6. Leases survive restarts with their exact deadline. Expiry is a
//     transaction like any other.
//
// TestSimulation holds the store against these invariants, on the engine in memory that
// memengine holds; testdata/mutations are changes of the store that it must notice.
//
// The package may import the standard library only.
package mvcc

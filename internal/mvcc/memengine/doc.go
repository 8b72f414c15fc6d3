// Package memengine is a database in memory with the two engines that mvcc knows: Engine for one
// store, Replica for several on the same database.
//
// It exists for tests of mvcc that no real database allows. Every request to the database passes
// an Intercept, which may carry it out, delay it, refuse it, or lose the request or the reply;
// Fault names the usual cases. The database's clock can be set, its contents copied and put back
// as a restored backup would be, and its revision moved on.
//
// # Invariants
//
//   - Both engines meet the contract in enginetest.
//   - A request takes effect at one instant, as a transaction does, while the Database is locked.
//     What a call reads is what was committed at such an instant.
//   - No lock is held while an Intercept runs or a caller's function is called. Whoever waits does
//     so on a channel or a timer, so a testing/synctest bubble can stand still meanwhile.
//   - A transaction that has been sent is carried out even if its caller has gone.
//
// The package is for tests only.
//
// The package may import internal/mvcc and internal/mvcc/rows.
package memengine

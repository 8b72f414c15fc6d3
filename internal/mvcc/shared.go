package mvcc

import (
	"context"
	"errors"
	"time"
)

// ErrMoved is Shared.Commit's answer when another replica has written since
// the batch was decided. Nothing has been written.
var ErrMoved = errors.New("another replica has written meanwhile")

// Shared is an Engine whose database other replicas write too. They take turns:
// a batch advances one counter, the Position, as the first thing that its
// transaction does, so the order of revisions is the order of commits and a
// revision that is missing has not been committed yet.
//
// Commit checks that the database is at b.Base, and, where both are known, that b.BaseBatch wrote
// the revision there, and answers ErrMoved if not. It
// leaves the counter at b.After().
//
// Every method gives up within a time that the engine bounds, whatever the
// database does, and replaces connections that have broken. All but Commit and
// InTurn may be called from any goroutine, beside each other and those two;
// Prune comes from one goroutine, one at a time.
type Shared interface {
	Engine

	// Read reads the newest position that has been committed when Read begins or
	// later. It waits for no writer.
	Read(ctx context.Context) (Reading, error)

	// Find is Read with what the database holds of two points, in one snapshot.
	Find(ctx context.Context, from, to Point) (Reading, [2]Found, error)

	// InTurn waits for the counter, calls decide with the position at which
	// it then stays until InTurn returns, and commits the batch that
	// decide returns (its Base is that position); nil or an empty one ends the turn without a
	// write. decide may call Events, LeaseChanges and Load: everything up to the
	// position is committed. An error of decide ends the turn and is returned as it
	// is; the others are Commit's.
	InTurn(ctx context.Context, decide func(context.Context, Position) (*Batch, error)) error

	// Settle finds out what became of a batch whose commit ended with
	// ErrUnknownOutcome, and sees to it that the batch takes no effect after
	// Settle has returned if it has none by then: it advances Change, so a
	// transaction still on its way finds the counter moved. True says that the batch
	// is in the log. False may also mean that it cannot be told: the batch had no
	// Commits, or all its rows have been pruned since.
	Settle(ctx context.Context, b *Batch) (bool, error)

	// LeaseChanges reads the leases granted, renewed and gone in changes
	// after the one given, perhaps with some newer than the last Read.
	LeaseChanges(ctx context.Context, after int64) (LeaseChanges, error)

	// Await returns when another replica may have committed something since the
	// last call, or after as long as seems right between two looks: soon where the
	// database cannot tell of commits, late where it does.
	Await(ctx context.Context)

	// Maintain makes this replica, or keeps it, the one that expires leases and
	// prunes, for the time given. False says that another one is. Close
	// gives it up.
	Maintain(ctx context.Context, hold time.Duration) (bool, error)
}

// Reading is what one look at the counter tells.
type Reading struct {
	Position
	// Batch is that of the Point at Revision.
	Batch     int64
	Compacted int64
	Pruned    int64
	// Now is the database's clock.
	Now time.Time
}

// LeaseChanges are the leases as they are now that have changed since a Position's
// Change.
type LeaseChanges struct {
	// All says that the database no longer knows what has gone since: Set holds
	// every lease.
	All  bool
	Set  []Lease
	Gone []LeaseID
}

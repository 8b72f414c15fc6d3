package mvcc

import (
	"context"
	"time"
)

// Size is in bytes: Total is what the database takes on disk, Side about how much of that are rows
// of side tables.
type Size struct{ Total, Side int64 }

// Engine keeps a Store's data durable. One Store owns it: Commit, Prune and
// State come from one goroutine, one at a time; the other methods may run beside
// them and each other.
type Engine interface {
	SideEngine

	// Load reads the present state: it passes every live key to each, in any
	// order, and returns the rest.
	Load(ctx context.Context, each func(*KeyValue) error) (State, error)

	// Commit makes a batch durable in one transaction. An error that wraps
	// ErrUnknownOutcome means that the batch may have taken effect; any other
	// that nothing has been written.
	Commit(ctx context.Context, b *Batch) error

	// State reads what Load returns, without the keys. The store uses it to
	// learn what became of a commit with an unknown outcome.
	State(ctx context.Context) (State, error)

	// Events reads the log from the revision after on, up to and including
	// last: whole revisions in order, each once, without actor and time. It stops
	// after about maxBytes of keys and values, at the end of a revision.
	// It returns the last revision read; after when there is none.
	Events(ctx context.Context, after, last int64, maxBytes int, each func(*Commit) error) (int64, error)

	// Authors tells who wrote the revisions after one up to and including another, in order, each
	// once; those that have no row are left out.
	Authors(ctx context.Context, after, last int64, each func(Author) error) error

	// Prune deletes the rows that no read at or above revision to can need,
	// given that this has been done up to the revision from. to is never above
	// the compacted revision. It returns how many rows that were, also where it fails
	// after some of them.
	Prune(ctx context.Context, from, to int64) (int64, error)

	// Size is how much room the database takes.
	Size(ctx context.Context) (Size, error)

	// Close releases everything. No other call may be under way.
	Close() error
}

// State is what a store knows beside its live keys.
type State struct {
	Position
	// Batch is that of the Point at Revision, where an Engine is Shared.
	Batch int64
	// Store tells a Shared Engine's database from others, whatever is copied or restored. Its
	// lowest 16 bits count how often the counter has been moved on by hand.
	Store int64
	// Compacted is the compacted revision, 0 if there was no compaction.
	Compacted int64
	// Pruned is the revision up to which rows have been deleted, <= Compacted.
	Pruned int64
	Leases []Lease
}

// Position says how far a database has got. Both parts only grow.
type Position struct {
	// Revision is the newest one in the log, at least 1.
	Revision int64
	// Change counts the batches that no revision tells of completely: those with
	// leases or a compaction. Always 0 where an Engine is not Shared.
	Change int64
}

// Batch is what one database transaction makes durable.
type Batch struct {
	// ID tells the batch from every other one, of any replica.
	ID int64
	// Base is the position that the batch has been decided on.
	Base Position
	// BaseBatch is that of the Point at Base.Revision.
	BaseBatch int64
	// Commits follow Base densely. They may be none.
	Commits []*Commit
	// Leases granted or renewed, and those that are gone.
	Leases        []Lease
	RevokedLeases []LeaseID
	// Compacted is the new compacted revision, 0 for no change.
	Compacted int64
}

// AdvancesChange reports whether the batch does something that its revisions do not tell of.
func (b *Batch) AdvancesChange() bool {
	return len(b.Leases)+len(b.RevokedLeases) > 0 || b.Compacted > 0
}

// Empty reports whether there is nothing to make durable.
func (b *Batch) Empty() bool { return len(b.Commits) == 0 && !b.AdvancesChange() }

// After is the position that the batch leads to.
func (b *Batch) After() Position {
	p := b.Base
	p.Revision += int64(len(b.Commits))
	if b.AdvancesChange() {
		p.Change++
	}
	return p
}

// Commit is one revision: what one transaction changed. Immutable.
type Commit struct {
	Revision int64
	// Batch is the id of the batch that wrote it, where an Engine is Shared.
	Batch  int64
	Events []Event
	Actor  Actor
	Time   time.Time
}

// size is about what the commit holds in memory.
func (c *Commit) size() int {
	n := 128
	for _, e := range c.Events {
		n += e.size()
	}
	return n
}

func (e Event) size() int {
	n := 160 + len(e.KV.Key) + len(e.KV.Value)
	if e.Prev != nil {
		n += 96 + len(e.Prev.Value)
	}
	return n
}

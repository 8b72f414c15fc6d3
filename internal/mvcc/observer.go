package mvcc

import "time"

// Observer hears what a store does, as it does it: a port for histograms and the
// like, which the store itself does not keep. Its methods are called from the store's
// own goroutines, at most once for a batch or a step and never for a single event.
// They must be quick, and must not call the store. What can be asked for at any
// time is in Stats.
type Observer interface {
	// Committed tells of every attempt to make a batch durable.
	Committed(BatchReport)
	// Pruned tells of every step of deleting compacted rows: how many went.
	Pruned(rows int64, took time.Duration, err error)
}

// BatchReport is what became of one batch.
type BatchReport struct {
	// Requests that were decided in the batch, 0 where the store wrote for itself, as
	// when leases expire.
	Requests int
	// Revisions in the batch; 0 for one with nothing but leases or a compaction.
	Revisions int
	// Took is how long the engine had it: that is the wait for the database, and
	// where replicas take turns the wait for a turn.
	Took time.Duration
	// Err is nil, ErrMoved, or wraps ErrUnknownOutcome or ErrNoSpace; any other one
	// means that the engine failed and nothing was written.
	Err error
}

type deaf struct{}

func (deaf) Committed(BatchReport)              {}
func (deaf) Pruned(int64, time.Duration, error) {}

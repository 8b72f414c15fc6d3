package mvcc

import "sync/atomic"

// ring holds the newest commits, bounded in number and bytes. Only the goroutine that holds
// Store.publishing adds and resets: the sequencer, and with Shared the one that follows other
// replicas. Any number of goroutines call get without a lock; they share the commits, which
// are immutable.
type ring struct {
	slots []atomic.Pointer[Commit]
	limit int
	// Guarded by Store.publishing:
	oldest int64 // revision of the oldest commit held
	next   int64 // revision that add expects
	bytes  int
}

func newRing(slots, limit int, next int64) *ring {
	return &ring{slots: make([]atomic.Pointer[Commit], slots), oldest: next, next: next, limit: limit}
}

func (r *ring) slot(revision int64) *atomic.Pointer[Commit] {
	return &r.slots[revision%int64(len(r.slots))]
}

// get returns the commit of a revision, or nil if it is no longer held.
func (r *ring) get(revision int64) *Commit {
	if c := r.slot(revision).Load(); c != nil && c.Revision == revision {
		return c
	}
	return nil
}

// reset forgets all that is held; the next commit added is of revision next.
func (r *ring) reset(next int64) {
	for i := range r.slots {
		r.slots[i].Store(nil)
	}
	r.oldest, r.next, r.bytes = next, next, 0
}

// add takes the commit that follows the last one added.
func (r *ring) add(c *Commit) {
	r.bytes += c.size()
	for r.oldest < r.next && (r.bytes > r.limit || r.next-r.oldest >= int64(len(r.slots))) {
		gone := r.slot(r.oldest).Swap(nil)
		r.bytes -= gone.size()
		r.oldest++
	}
	r.slot(c.Revision).Store(c)
	r.next = c.Revision + 1
}

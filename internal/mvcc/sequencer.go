package mvcc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// request is one caller's turn with the sequencer.
type request struct {
	// decide works out the caller's answer on the batch.
	decide func(*batch)
	// err is set, instead of the answer, when the batch was not committed.
	err  error
	done chan struct{}
	// state goes from 0 to taken or withdrawn, once.
	state atomic.Int32
}

const (
	taken     = 1
	withdrawn = 2
)

// submit lets decide have its turn and returns its answer once the batch that it
// took part in is durable and published. If ctx ends first, a request that
// has not had its turn is withdrawn.
func submit[T any](ctx context.Context, s *Store, decide func(*batch) (T, error)) (T, error) {
	var res, zero T
	var err error
	r := &request{done: make(chan struct{})}
	r.decide = func(b *batch) { res, err = decide(b) }
	if !s.queue.add(r) {
		return zero, ErrClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(0, withdrawn) {
			return zero, ctx.Err()
		}
		return zero, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
	if r.err != nil {
		return zero, r.err
	}
	if err != nil {
		return zero, err
	}
	return res, nil
}

// queue holds the requests that wait for the next batch.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	closed  bool
	// wake holds a token when there may be something to take.
	wake chan struct{}
}

func (q *queue) add(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	if len(q.waiting) == 1 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// take returns all that waits, and whether the queue has been closed.
func (q *queue) take() ([]*request, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	reqs := q.waiting
	q.waiting = nil
	return reqs, q.closed
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// sequencer is the goroutine that decides every write, in one order.
type sequencer struct {
	*Store
	// doubt is a batch whose commit had an unknown outcome that could not be
	// read back yet. Nothing is written until it can.
	doubt *batch
	prune pruner
}

func (s *sequencer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// Whoever is about to write may join this batch. On an idle machine
		// nobody is and this takes no time; on a busy one a batch of several costs
		// hardly more than one of one.
		runtime.Gosched()
		reqs, closed := s.queue.take()
		switch {
		case len(reqs) > 0:
			for len(reqs) > 0 {
				reqs = s.runBatch(ctx, reqs)
			}
		case closed:
			return
		default:
			select {
			case <-s.queue.wake:
			case <-timer.C:
			}
		}
		s.expireLeases(ctx)
		s.prune.step(ctx, s.Store)
		timer.Reset(s.idle())
	}
}

// idle is how long there is nothing to do but to wait for requests.
func (s *sequencer) idle() time.Duration {
	d := time.Minute
	if due, ok := s.leases.next(); ok {
		now := s.opts.Now()
		d = min(d, max(due.Sub(now), s.leases.retry.Sub(now)))
	}
	if wait, ok := s.prune.next(s.Store); ok {
		d = min(d, wait)
	}
	return max(d, 0)
}

// runBatch gives as many of the requests their turn as fit into one
// database transaction, and returns the others.
func (s *sequencer) runBatch(ctx context.Context, reqs []*request) []*request {
	if err := s.settle(ctx); err != nil {
		answer(reqs, fmt.Errorf("%w: %w", ErrUnavailable, err))
		return nil
	}
	b := s.newBatch(s.state.Load())
	n := 0
	for n < len(reqs) && n < s.opts.BatchRequests && b.bytes < s.opts.BatchBytes {
		if r := reqs[n]; r.state.CompareAndSwap(0, taken) {
			r.decide(b)
		}
		n++
	}
	now, later := reqs[:n], reqs[n:]
	answer(now, s.commit(ctx, b))
	return later
}

func answer(reqs []*request, err error) {
	for _, r := range reqs {
		r.err = err
		close(r.done)
	}
}

// commit makes a batch durable and publishes it.
func (s *sequencer) commit(ctx context.Context, b *batch) error {
	if b.empty() {
		return nil
	}
	b.seal()
	err := s.engine.Commit(ctx, &b.Batch)
	switch {
	case err == nil:
		s.publish(b)
		return nil
	case errors.Is(err, ErrUnknownOutcome):
		s.doubt = b
		if s.settle(ctx) == nil && s.state.Load().Revision >= b.revision() && len(b.Commits) > 0 {
			return nil // read back: it is there
		}
		return err
	case errors.Is(err, ErrNoSpace):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// settle finds out what became of the batch in doubt, if there is one, by
// reading the engine's state: a transaction is there as a whole or not at all.
func (s *sequencer) settle(ctx context.Context) error {
	b := s.doubt
	if b == nil {
		return nil
	}
	st, err := s.engine.State(ctx)
	if err != nil {
		return fmt.Errorf("read back an unknown commit: %w", err)
	}
	switch {
	case st.Revision == b.revision() && b.reflected(st):
		s.publish(b)
	case st.Revision != b.Base.Revision:
		return fmt.Errorf("read back an unknown commit: the log is at revision %d, expected %d or %d", st.Revision, b.Base.Revision, b.revision())
	}
	s.doubt = nil
	return nil
}

// reflected says whether a state read back shows the batch's effects that no
// revision tells of.
func (b *batch) reflected(st State) bool {
	if len(b.Commits) > 0 {
		return true // the revision tells
	}
	if st.Compacted < b.Compacted {
		return false
	}
	have := map[LeaseID]Lease{}
	for _, l := range st.Leases {
		have[l.ID] = l
	}
	for _, l := range b.Leases {
		if h, ok := have[l.ID]; !ok || h.Deadline.Before(l.Deadline.Truncate(time.Millisecond)) {
			return false
		}
	}
	for _, id := range b.RevokedLeases {
		if _, ok := have[id]; ok {
			return false
		}
	}
	return true
}

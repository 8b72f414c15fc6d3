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
	// caller is the caller's trace, nil if it has none.
	caller any
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
	r := &request{done: make(chan struct{}), caller: s.caller(ctx)}
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
		q.rouse()
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
	q.rouse()
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// rouse makes the sequencer look at what there is to do.
func (q *queue) rouse() {
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
	ids   batchIDs
	// contended counts the turns for which to expect that other replicas write
	// in between; see write.
	contended int
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
			// Watchers wait for what a commit in doubt has done, also while nobody writes.
			if err := s.settle(ctx); err != nil {
				s.writes.failed(err)
			}
		}
		s.expireLeases(ctx)
		if s.shared == nil {
			s.prune.step(ctx, s.Store)
		}
		timer.Reset(s.idle())
	}
}

// idle is how long there is nothing to do but to wait for requests.
func (s *sequencer) idle() time.Duration {
	d := time.Minute
	if due, ok := s.leases.next(); ok && s.maintains() {
		now := s.Now()
		d = min(d, max(due.Sub(now), s.leases.retry.Sub(now)))
	}
	if wait, ok := s.prune.next(s.Store); ok && s.shared == nil {
		d = min(d, wait)
	}
	if s.doubt != nil {
		d = min(d, doubtPause)
	}
	return max(d, 0)
}

// runBatch gives as many of the requests their turn as fit into one
// database transaction, and returns the others.
func (s *sequencer) runBatch(ctx context.Context, reqs []*request) []*request {
	if err := s.settle(ctx); err != nil {
		s.writes.failed(err)
		answer(reqs, fmt.Errorf("%w: %w", ErrUnavailable, err))
		return nil
	}
	n := 0
	traced, end := s.trace(ctx, reqs)
	err := s.write(traced, func(b *batch) {
		for n = 0; n < len(reqs) && n < s.opts.BatchRequests && b.bytes < s.opts.BatchBytes; n++ {
			if reqs[n].take() {
				reqs[n].decide(b)
				b.requests++
			}
		}
	})
	end(err)
	if n == 0 {
		n = len(reqs) // the store could not even begin: that holds for all of them
	}
	answer(reqs[:n], err)
	return reqs[n:]
}

// take says whether the request is to be decided: it has not been withdrawn. One that
// has been decided on a batch that came to nothing is decided again.
func (r *request) take() bool {
	return r.state.CompareAndSwap(0, taken) || r.state.Load() == taken
}

func answer(reqs []*request, err error) {
	for _, r := range reqs {
		r.err = err
		close(r.done)
	}
}

// doubtPause is how long a database that could not be asked about a commit in doubt is left alone,
// while nobody writes.
const doubtPause = 100 * time.Millisecond

// contention is how many turns the sequencer waits for its turn before it decides,
// after it has found that another replica wrote meanwhile.
const contention = 8

// write lets decide fill a batch, makes the batch durable and publishes it.
//
// A replica that writes alone decides first and finds on committing that nothing
// has come between, which takes one round trip. Where others do write, that is
// likely to fail; then it takes its turn first, catches up, and decides on what
// cannot change any more.
func (s *sequencer) write(ctx context.Context, decide func(*batch)) error {
	err := s.writeBatch(ctx, decide)
	if err != nil {
		s.writes.failed(err)
	}
	return err
}

func (s *sequencer) writeBatch(ctx context.Context, decide func(*batch)) error {
	if err := s.usable(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if s.contended > 0 {
		return s.writeInTurn(ctx, decide)
	}
	b := s.newBatch(s.state.Load())
	decide(b)
	err := s.commit(ctx, b)
	if errors.Is(err, ErrMoved) {
		s.contended = contention
		return s.writeInTurn(ctx, decide)
	}
	return err
}

// commit makes a batch durable and publishes it. ErrMoved: another replica has
// written since the batch was decided.
func (s *sequencer) commit(ctx context.Context, b *batch) error {
	if b.empty() {
		return s.confirm(ctx, b)
	}
	b.seal()
	begin := time.Now()
	err := s.engine.Commit(ctx, &b.Batch)
	s.report(b, begin, err)
	return s.committed(ctx, b, err)
}

// report tells the observer what became of a batch.
func (s *sequencer) report(b *batch, begin time.Time, err error) {
	if err == nil {
		s.writes.succeeded()
	}
	s.opts.Observer.Committed(BatchReport{Requests: b.requests, Revisions: len(b.Commits), Took: time.Since(begin), Err: err})
}

// confirm sees that a batch without writes has been decided on the present
// state: its answers are reads.
func (s *sequencer) confirm(ctx context.Context, b *batch) error {
	if s.shared == nil {
		return nil
	}
	st, err := s.current(ctx)
	if err != nil {
		return err
	}
	if st.Position != b.Base {
		return ErrMoved
	}
	return nil
}

// writeInTurn is write while the other replicas wait.
func (s *sequencer) writeInTurn(ctx context.Context, decide func(*batch)) error {
	var b *batch
	begin := time.Now()
	err := s.shared.InTurn(ctx, func(ctx context.Context, at Position) (*Batch, error) {
		if s.state.Load().Position == at {
			s.contended--
		} else {
			s.contended = contention
			if err := s.catchUp(ctx); err != nil {
				return nil, err
			}
		}
		b = s.newBatch(s.state.Load())
		decide(b)
		b.seal()
		return &b.Batch, nil
	})
	if b == nil || b.empty() {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	}
	s.report(b, begin, err)
	err = s.committed(ctx, b, err)
	if errors.Is(err, ErrMoved) {
		// The counter was held, so what the batch was decided on is not what the database holds.
		return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(s.catchUp(ctx), err))
	}
	return err
}

// committed publishes a batch, if its commit's error leaves no doubt that it is
// durable.
func (s *sequencer) committed(ctx context.Context, b *batch, err error) error {
	switch {
	case err == nil:
		s.publish(b)
		return nil
	case errors.Is(err, ErrMoved):
		return ErrMoved
	case errors.Is(err, ErrUnknownOutcome):
		s.doubt = b
		s.counters.doubt.Store(true)
		if s.settle(ctx) == nil && s.state.Load().Revision >= b.revision() && b.landed {
			return nil // read back: it is there
		}
		return err
	case errors.Is(err, ErrNoSpace):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// settle finds out what became of the batch in doubt, if there is one, before
// anything else is decided.
func (s *sequencer) settle(ctx context.Context) error {
	b := s.doubt
	if b == nil {
		return nil
	}
	var err error
	if s.shared != nil {
		b.landed, err = s.shared.Settle(ctx, &b.Batch)
	} else {
		b.landed, err = s.readBack(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("read back an unknown commit: %w", err)
	}
	if b.landed {
		s.publish(b)
		s.counters.landed.Add(1)
	} else {
		s.ids.lost()
		s.counters.lost.Add(1)
	}
	s.doubt = nil
	s.counters.doubt.Store(false)
	return nil
}

// readBack looks for a batch in a database that nobody else writes: a transaction
// is there as a whole or not at all.
func (s *sequencer) readBack(ctx context.Context, b *batch) (bool, error) {
	st, err := s.engine.State(ctx)
	switch {
	case err != nil:
		return false, err
	case st.Revision == b.revision() && b.reflected(st):
		return true, nil
	case st.Revision != b.Base.Revision:
		return false, fmt.Errorf("the log is at revision %d, expected %d or %d", st.Revision, b.Base.Revision, b.revision())
	}
	return false, nil
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

package mvcc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// request is one caller's turn with the sequencer.
type request struct {
	// decide works out the caller's answer on the batch.
	decide func(*batch)
	// side is what to change of the side tables instead, for a sideWriter.
	side *SideOp
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

// submit lets decide have its turn and returns its answer once the batch that it
// took part in is durable and published.
func submit[T any](ctx context.Context, s *Store, decide func(*batch) (T, error)) (T, error) {
	var res, zero T
	var err error
	r := &request{done: make(chan struct{}), caller: s.caller(ctx)}
	r.decide = func(b *batch) { res, err = decide(b) }
	if err := s.queue.submit(ctx, r); err != nil {
		return zero, err
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

// submit adds a request and returns once it has been answered, with its err. If ctx ends first, a
// request that has not had its turn is withdrawn.
func (q *queue) submit(ctx context.Context, r *request) error {
	if !q.add(r) {
		return ErrClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		if r.state.CompareAndSwap(0, withdrawn) {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
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

// rouse makes the goroutine that takes requests look at what there is to do.
func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

package mvcc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

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

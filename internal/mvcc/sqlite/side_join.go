package sqlite

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// joinWithin is how recently the store must have written for a side batch to wait for its next
	// batch, and how long it waits at most.
	joinWithin = 10 * time.Millisecond
	// A side batch may make a transaction of the store longer by a joinShare-th of what those take, but
	// has leastBudget: one call is always carried out.
	joinShare   = 8
	leastBudget = 100 * time.Microsecond
	// joinedStep is how many rows a delete takes in a transaction of the store.
	joinedStep = 16
)

// errAlone says that a side batch has not been written, and needs a transaction of its own.
var errAlone = errors.New("not written together with a batch")

// joining brings side batches into transactions of the store: they cost no fsync of their own then, and
// no batch waits for one.
type joining struct {
	offered atomic.Pointer[sideJob]
	// last is when the store wrote last, took about how long its transactions take; nanoseconds.
	last, took atomic.Int64
}

// sideJob is a side batch that waits to be joined.
type sideJob struct {
	b    *mvcc.SideBatch
	done chan error
}

// offer waits for a batch of the store that takes the side batch along. joined is false where nothing has been
// written.
func (j *joining) offer(b *mvcc.SideBatch) (joined bool, err error) {
	if time.Since(time.Unix(0, j.last.Load())) > joinWithin {
		return false, nil
	}
	job := &sideJob{b, make(chan error, 1)}
	j.offered.Store(job)
	timer := time.NewTimer(joinWithin)
	defer timer.Stop()
	select {
	case err = <-job.done:
	case <-timer.C:
		if j.offered.CompareAndSwap(job, nil) {
			return false, nil
		}
		err = <-job.done
	}
	if err == errAlone { //nolint:errorlint // as it is
		return false, nil
	}
	return true, err
}

// take returns the side batch that waits, nil for none. Whoever takes it answers on done.
func (j *joining) take() *sideJob { return j.offered.Swap(nil) }

// stored notes that a batch of the store has been written since begin.
func (s *side) stored(begin time.Time) {
	now := time.Now()
	took := s.join.took.Load()
	s.join.took.Store(took + (int64(now.Sub(begin))-took)/16)
	s.join.last.Store(now.UnixNano())
}

// budget is how much longer the present transaction of the store may take.
func (j *joining) budget() time.Duration {
	return max(time.Duration(j.took.Load())/joinShare, leastBudget)
}

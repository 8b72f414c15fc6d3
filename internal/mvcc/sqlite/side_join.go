package sqlite

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// joinWithin is how recently the store must have written for a side batch to wait for one of its
	// transactions.
	joinWithin = 10 * time.Millisecond
	// While the store writes, side rows take a joinShare-th of the writer's time, however many wait.
	// One transaction of the store becomes longer by no more than joinBudget, or by one call.
	joinShare  = 12
	joinBudget = 200 * time.Microsecond
	// joinedStep is how many rows a delete takes in a transaction of the store.
	joinedStep = 16
)

// errAlone says that a side batch has not been written, and needs a transaction of its own.
var errAlone = errors.New("not written together with a batch")

// joining brings side batches into transactions of the store: they cost no fsync of their own then,
// and no batch waits for one.
type joining struct {
	offered atomic.Pointer[sideJob]
	last    atomic.Int64 // when the store wrote last, Unix nanoseconds
	// debt is how much of the writer's time side rows have had beyond their share by the time at,
	// usual about how long a transaction of the store takes without them. Guarded by writing.
	debt, usual time.Duration
	at          time.Time
}

// without notes a transaction of the store without side rows, which took so long.
func (j *joining) without(took time.Duration) { j.usual += (took - j.usual) / 16 }

// with notes one with side rows: what it took longer than usual, its commit too, is their time.
func (j *joining) with(took time.Duration) { j.debt += max(0, took-j.usual) }

// sideJob is a side batch that waits to be joined.
type sideJob struct {
	b    *mvcc.SideBatch
	done chan error
}

// busy reports whether the store writes so often that waiting for it takes little time.
func (j *joining) busy() bool { return time.Since(time.Unix(0, j.last.Load())) <= joinWithin }

// offer waits for a transaction of the store that takes the side batch along, as long as the store
// writes. joined is false where nothing has been written.
func (j *joining) offer(b *mvcc.SideBatch) (joined bool, err error) {
	if !j.busy() {
		return false, nil
	}
	job := &sideJob{b, make(chan error, 1)}
	j.offered.Store(job)
	tick := time.NewTicker(joinWithin)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case err = <-job.done:
			waiting = false
		case <-tick.C:
			if j.busy() {
				continue
			}
			if j.offered.CompareAndSwap(job, nil) {
				return false, nil
			}
			err = <-job.done
			waiting = false
		}
	}
	if err == errAlone { //nolint:errorlint // as it is
		return false, nil
	}
	return true, err
}

// take returns the side batch that waits, nil where there is none or side rows have had their
// share. Whoever takes it answers on done.
func (j *joining) take(now time.Time) *sideJob {
	j.debt = max(0, j.debt-now.Sub(j.at)/joinShare)
	j.at = now
	if j.debt > 0 {
		return nil
	}
	return j.offered.Swap(nil)
}

// stored notes that the store has written.
func (j *joining) stored() { j.last.Store(time.Now().UnixNano()) }

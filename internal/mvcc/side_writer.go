package mvcc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	// sideBatchRows and sideBatchBytes bound one transaction of side rows; one call always fits.
	sideBatchRows  = 1024
	sideBatchBytes = 8 << 20
	// sidePatience is how long callers wait until a database can be asked what became of their
	// batch, before they are told that it is not known.
	sidePatience = 5 * time.Second
	// sideAttempts bounds how often a batch is sent that is known to have been lost on its way.
	sideAttempts = 3
)

// sideWriter is the goroutine that writes side rows: what queues while a transaction commits forms the
// next one. Its engine may join that to the transaction of a batch of the store.
type sideWriter struct {
	store  *Store
	queue  queue
	ended  chan struct{}
	outage outage

	writer   int64 // tells the store from others
	sequence int64 // of the last attempt
	previous int64 // of the last one that has taken effect

	// reading counts the calls that read; closed keeps others out.
	mu      sync.Mutex
	closed  bool
	reading sync.WaitGroup
}

// enter begins a call that reads, unless the store is being closed; leave ends it.
func (w *sideWriter) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.reading.Add(1)
	}
	return !w.closed
}

func (w *sideWriter) leave() { w.reading.Done() }

// close carries out what is queued, and refuses what comes later.
func (w *sideWriter) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.queue.close()
	<-w.ended
	w.reading.Wait()
}

// submit returns when a transaction that holds the op is durable.
func (w *sideWriter) submit(ctx context.Context, op *SideOp) error {
	return w.queue.submit(ctx, &request{side: op, done: make(chan struct{})})
}

func (w *sideWriter) run(ctx context.Context) {
	for {
		runtime.Gosched() // as the sequencer does
		reqs, closed := w.queue.take()
		switch {
		case len(reqs) > 0:
			for len(reqs) > 0 {
				reqs = w.batch(ctx, reqs)
			}
		case closed:
			return
		default:
			<-w.queue.wake
		}
	}
}

// batch carries out as many of the requests as fit into a transaction, and returns the others.
func (w *sideWriter) batch(ctx context.Context, reqs []*request) []*request {
	var of []*request
	n, rows, bytes := 0, 0, 0
	for ; n < len(reqs); n++ {
		op := reqs[n].side
		rows += op.rows()
		bytes += op.bytes()
		if len(of) > 0 && (rows > sideBatchRows || bytes > sideBatchBytes) {
			break
		}
		if reqs[n].take() {
			of = append(of, reqs[n])
		}
	}
	if len(of) == 0 {
		return reqs[n:]
	}
	done, err := w.commit(ctx, of)
	if errors.Is(err, ErrNoSpace) && len(of) > 1 {
		// What deletes may still find room.
		for _, r := range of {
			_, err := w.commit(ctx, []*request{r})
			answer([]*request{r}, err)
		}
		return reqs[n:]
	}
	answer(of[:done], err)
	return append(of[done:len(of):len(of)], reqs[n:]...)
}

// commit carries out the first of the requests in one transaction, and returns how many.
func (w *sideWriter) commit(ctx context.Context, reqs []*request) (int, error) {
	if err := w.store.usable(); err != nil {
		return len(reqs), w.failed(fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	b := &SideBatch{Writer: w.writer, Previous: w.previous}
	var err error
	for range sideAttempts {
		b.Ops = b.Ops[:0]
		for _, r := range reqs {
			b.Ops = append(b.Ops, r.side)
		}
		w.sequence++
		b.Sequence = w.sequence
		err = w.store.engine.SideCommit(ctx, b)
		if !errors.Is(err, ErrUnknownOutcome) {
			break
		}
		landed, unknown := w.settle(ctx, b)
		if unknown != nil {
			return len(b.Ops), w.failed(fmt.Errorf("%w: %w", err, unknown))
		}
		if landed {
			err = nil
			break
		}
		err = fmt.Errorf("the connection was lost: %v", err) //nolint:errorlint // nothing was written, so the outcome is known
	}
	switch {
	case err == nil:
		w.previous = b.Sequence
		w.outage.succeeded()
		if hook := w.store.opts.SidePublished; hook != nil {
			hook(SidePoint{b.Newest, b.Writer})
		}
		return len(b.Ops), nil
	case errors.Is(err, ErrNoSpace):
		return len(reqs), w.failed(err)
	}
	return len(reqs), w.failed(fmt.Errorf("%w: %w", ErrUnavailable, err))
}

// settle finds out whether a batch has taken effect. The error is that of a database which cannot be
// asked.
func (w *sideWriter) settle(ctx context.Context, b *SideBatch) (bool, error) {
	for begin := time.Now(); ; {
		landed, err := w.store.engine.SideSettle(ctx, b)
		if err == nil || time.Since(begin) > sidePatience {
			return landed, err
		}
		time.Sleep(doubtPause)
	}
}

func (w *sideWriter) failed(err error) error {
	w.outage.failed(err)
	return err
}

package mvcc

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// sideBusy is how recently the store must have written for side batches to rest between each
	// other.
	sideBusy = 10 * time.Millisecond
	// sideRest is how many times as long as a side batch took nothing follows it, but sideRestMost at
	// most.
	sideRest     = 7
	sideRestMost = 100 * time.Millisecond
)

// SidePace bounds what side batches cost the batches of a store whose engine writes both at the
// same time, on connections of their own: they wait for the same disk. While the store writes, side
// batches take an eighth of the time, and what queues meanwhile forms larger ones. Its zero value
// is ready for use.
type SidePace struct {
	stored atomic.Int64 // when the store wrote last, Unix nanoseconds
	next   time.Time    // of the goroutine that calls Run
}

// Stored notes a batch of the store. It may be called at any time.
func (p *SidePace) Stored() { p.stored.Store(time.Now().UnixNano()) }

// Run calls commit, which carries out a side batch, when its time has come or the context has
// ended, and returns what it returns. Only one goroutine may call it.
func (p *SidePace) Run(ctx context.Context, commit func() error) error {
	if wait := time.Until(p.next); wait > 0 && time.Since(time.Unix(0, p.stored.Load())) <= sideBusy {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	begin := time.Now()
	err := commit()
	now := time.Now()
	p.next = now.Add(min(now.Sub(begin)*sideRest, sideRestMost))
	return err
}

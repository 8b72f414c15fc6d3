package mvcc

import (
	"context"
	"time"
)

// The replica that maintains the database is asked for that long at a time, and
// asks again after a third of it.
const maintainHold = 15 * time.Second

// maintain makes this replica, when it can, the one that expires leases (which its
// sequencer does) and prunes. Should two believe it for a moment no harm is
// done: expiry is decided as every write is, and pruning twice prunes nothing.
func (s *Store) maintain(ctx context.Context) {
	var p pruner
	for ctx.Err() == nil {
		begin := time.Now()
		// A replica that has been away may have another history than the database: it must not
		// prune by that.
		_, err := s.current(ctx)
		ok := false
		if err == nil {
			ok, err = s.shared.Maintain(ctx, maintainHold)
		}
		if ok && err == nil {
			s.leads.Store(true)
			s.queue.rouse()
		} else {
			s.leads.Store(false)
		}
		for time.Since(begin) < maintainHold/3 && ctx.Err() == nil {
			changed := s.Changed()
			wait := maintainHold/3 - time.Since(begin)
			if next, ok := p.next(s); ok && s.leads.Load() {
				if next <= 0 {
					p.step(ctx, s)
					continue
				}
				wait = min(wait, next)
			}
			s.awaitCompaction(ctx, changed, wait)
		}
	}
}

// awaitCompaction returns after a time, or when the store changes so that there
// is something to prune.
func (s *Store) awaitCompaction(ctx context.Context, changed <-chan struct{}, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	pending := func() bool { st := s.state.Load(); return st.pruned < s.prunable(st) }
	was := pending()
	for {
		select {
		case <-changed:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
		if !was && pending() {
			return
		}
		changed = s.Changed()
	}
}

// maintains says that leases and old rows are this store's to remove.
func (s *Store) maintains() bool { return s.shared == nil || s.leads.Load() }

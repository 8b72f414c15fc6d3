package memengine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Replica is an mvcc.Shared: its store shares the database with others.
type Replica struct {
	client
	seen atomic.Int64 // Database.commits at the last Await
}

var (
	_ mvcc.Shared = (*Replica)(nil)
	_ mvcc.Pooled = (*Replica)(nil)
)

// Replica returns an engine for one of several stores. A nil intercept carries every request out.
func (d *Database) Replica(intercept Intercept) *Replica {
	return &Replica{client: client{db: d, intercept: intercept}}
}

// inSession lets do have the turn. The transaction has been sent, so it takes place even if the
// caller gives up.
func (r *Replica) inSession(ctx context.Context, c Call, do func(*Database) error) error {
	return r.call(ctx, c, func() error {
		s, err := r.db.begin(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("wait for the counter: %w", err)
		}
		r.db.mu.Lock()
		defer r.db.mu.Unlock()
		defer r.db.end(s)
		return do(r.db)
	})
}

// at commits a batch if the database is at its base. The caller holds mu.
func (d *Database) at(b *mvcc.Batch) error {
	newest := d.batch(d.Revision)
	if d.Position != b.Base || newest != 0 && b.BaseBatch != 0 && newest != b.BaseBatch {
		return mvcc.ErrMoved
	}
	return d.commit(b, true)
}

// Commit implements mvcc.Shared.
func (r *Replica) Commit(ctx context.Context, b *mvcc.Batch) error {
	return r.inSession(ctx, Call{Op: OpCommit, Batch: b}, func(d *Database) error { return d.at(b) })
}

// Read implements mvcc.Shared.
func (r *Replica) Read(ctx context.Context) (mvcc.Reading, error) {
	var reading mvcc.Reading
	err := r.locked(ctx, Call{Op: OpRead}, func(d *Database) error {
		reading = d.reading()
		return nil
	})
	return reading, err
}

// Find implements mvcc.Shared.
func (r *Replica) Find(ctx context.Context, from, to mvcc.Point) (reading mvcc.Reading, found [2]mvcc.Found, err error) {
	err = r.locked(ctx, Call{Op: OpFind}, func(d *Database) error {
		reading, found = d.reading(), [2]mvcc.Found{d.found(from), d.found(to)}
		return nil
	})
	return reading, found, err
}

// InTurn implements mvcc.Shared.
func (r *Replica) InTurn(ctx context.Context, decide func(context.Context, mvcc.Position) (*mvcc.Batch, error)) error {
	d := r.db
	var s *session
	var at mvcc.Position
	err := r.call(ctx, Call{Op: OpTurn}, func() (err error) {
		if s, err = d.begin(ctx); err == nil {
			at = d.Reading().Position
		}
		return err
	})
	if err != nil {
		if s != nil {
			d.endSession(s)
		}
		return fmt.Errorf("wait for the counter: %w", err)
	}
	b, err := mvcc.KeepTurn(
		func() error { return r.call(ctx, Call{Op: OpSay}, func() error { return d.speak(s) }) },
		func() (*mvcc.Batch, error) { return decide(ctx, at) })
	if err != nil || b == nil || b.Empty() {
		d.endSession(s)
		return err
	}
	err = r.call(ctx, Call{Op: OpTurnCommit, Batch: b}, func() error { return d.endTurn(s, b) })
	if !errors.Is(err, mvcc.ErrUnknownOutcome) {
		d.endSession(s)
	}
	return err // where the outcome is unknown, the session may still be there
}

// endTurn commits the batch of a turn, unless its session has been ended.
func (d *Database) endTurn(s *session, b *mvcc.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.ended {
		return fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, errSessionEnded)
	}
	defer d.end(s)
	return d.at(b)
}

// Settle implements mvcc.Shared.
func (r *Replica) Settle(ctx context.Context, b *mvcc.Batch) (bool, error) {
	there := false
	err := r.inSession(ctx, Call{Op: OpSettle, Batch: b}, func(d *Database) error {
		there = d.has(b.ID)
		d.Change++
		d.notify()
		return nil
	})
	return there, err
}

// LeaseChanges implements mvcc.Shared.
func (r *Replica) LeaseChanges(ctx context.Context, after int64) (mvcc.LeaseChanges, error) {
	var lc mvcc.LeaseChanges
	err := r.locked(ctx, Call{Op: OpLeaseChanges, After: after}, func(d *Database) error {
		lc = d.leaseChanges(after)
		return nil
	})
	return lc, err
}

// awaitPause is how long Await waits where nothing is committed.
const awaitPause = time.Second

// Await implements mvcc.Shared.
func (r *Replica) Await(ctx context.Context) {
	_ = r.call(ctx, Call{Op: OpAwait}, func() error { // which has no answer
		pause := time.NewTimer(awaitPause)
		defer pause.Stop()
		for {
			r.db.mu.Lock()
			commits, changed := r.db.commits, r.db.changed
			r.db.mu.Unlock()
			if r.seen.Swap(commits) != commits {
				return nil
			}
			select {
			case <-changed:
			case <-pause.C:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// endedLeaseLife is how long ended leases are remembered.
const endedLeaseLife = 10 * time.Minute

// Maintain implements mvcc.Shared.
func (r *Replica) Maintain(ctx context.Context, hold time.Duration) (bool, error) {
	ok := false
	err := r.locked(ctx, Call{Op: OpMaintain}, func(d *Database) error {
		now := d.opts.Now()
		if ok = d.maintainer == r || !now.Before(d.until); ok {
			d.maintainer, d.until = r, now.Add(hold)
			d.forget(now.Add(-endedLeaseLife))
		}
		return nil
	})
	return ok, err
}

// Close implements mvcc.Engine.
func (r *Replica) Close() error {
	_ = r.locked(context.Background(), Call{Op: OpResign}, func(d *Database) error {
		if d.maintainer == r {
			d.maintainer, d.until = nil, time.Time{}
		}
		return nil
	}) // if that fails, the hold expires
	return nil
}

package mvcc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// replica is one life of one of the stores.
type replica struct {
	w     *simulation
	place int // among the replicas
	life  int
	skew  time.Duration // of its clock
	store *mvcc.Store   // nil until it has been opened

	closing, dead bool
	frozen        bool        // none of its requests passes
	cut           atomic.Bool // all of its requests fail
	cutAt         time.Time

	shown    int64 // the newest revision that it has returned
	underWay int   // guarded by gate.mu
	// good is the step in which the last successful look at the counter began, answered that in
	// which one ended.
	good, answered int
	clocked        bool
}

func (r *replica) String() string { return fmt.Sprintf("%c%d", 'a'+r.place, r.life) }

// ready reports whether clients may use the replica.
func (r *replica) ready() bool { return r.store != nil && !r.closing && !r.dead }

// looked notes a successful look at the counter. As in the store, one that took long does not
// set the clock, unless it is the first.
func (r *replica) looked(step int, took time.Duration) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.good, r.answered = max(r.good, step), r.w.step()
	if took < 100*time.Millisecond || !r.clocked {
		r.w.doubt, r.clocked = max(r.w.doubt, took/2), true
	}
}

// open starts a replica in a place.
func (w *simulation) open(place int) {
	r := &replica{w: w, place: place, life: w.lives[place] + 1, skew: w.skews[place]}
	w.lives[place], w.replicas[place] = r.life, r
	opts := w.opts
	opts.Log = slog.New(slog.DiscardHandler)
	opts.Now = func() time.Time { return time.Now().Add(r.skew) }
	var store *mvcc.Store
	w.start(r, "open", func(context.Context) (err error) {
		ctx := context.Background() // the store's own requests belong to no operation
		if w.shared {
			store, err = mvcc.Open(ctx, w.db.Replica(r.intercept), opts)
		} else {
			store, err = mvcc.Open(ctx, w.db.Engine(r.intercept), opts)
		}
		return err
	}, func(o *op) {
		if o.abandoned {
			if o.err == nil {
				w.running.Go(func() { _ = store.Close() })
			}
			return
		}
		if o.err != nil {
			r.dead = true
			if !errors.Is(o.err, memengine.ErrCut) {
				w.fail(7, "%s: %v", o, o.err)
			}
			return
		}
		r.store = store
		if got := store.Revision(); got < o.atLeast {
			w.fail(6, "%s: revision %d, but %d had been acknowledged", o, got, o.atLeast)
		}
		r.shown = store.Revision()
	})
}

// shut closes a replica in order.
func (w *simulation) shut(r *replica) {
	r.closing = true
	w.start(r, "close", func(context.Context) error { return r.store.Close() }, func(o *op) {
		r.dead = true
		w.gate.cutOff(r) // those that still read have no connection any more
		if o.err != nil && !o.abandoned {
			w.fail(7, "%s: %v", o, o.err)
		}
	})
}

// kill ends a replica's process. What it has sent may still arrive; what its clients had asked
// for has an unknown outcome.
func (w *simulation) kill(r *replica) {
	w.note("%s: killed", r)
	r.dead = true
	for _, o := range w.ops {
		if o.r == r {
			o.abandoned, o.outcome = true, unknown
		}
	}
	w.gate.cutOff(r)
	if r.store != nil && !r.closing {
		w.running.Go(func() { _ = r.store.Close() }) // which cannot reach the database
	}
}

// cutOff breaks the connection between a replica and the database, until mend.
func (w *simulation) cutOff(r *replica) {
	w.note("%s: cut off", r)
	r.cutAt = time.Now()
	w.gate.cutOff(r)
}

func (w *simulation) mend(r *replica) {
	w.note("%s: mended", r)
	r.cut.Store(false)
}

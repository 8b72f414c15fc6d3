package mvcc_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// op is one operation of a client, and what is known of its outcome.
type op struct {
	id   int
	r    *replica
	what string

	invoked   int // step
	began     time.Time
	atLeast   int64 // the newest revision that had been returned by any replica when it began
	shown     int64 // by its own replica
	compacted int64 // the compacted revision; of a lone store that which has been acknowledged

	// decide carries out what the operation may commit.
	decide func(*reference)
	// lease is the lease that the operation is about, revokes that it may end it; compacts the
	// revision that it may compact to.
	lease    mvcc.LeaseID
	revokes  bool
	compacts int64
	physical bool // it waits until rows have been deleted
	side     bool // it is about side tables, and may wait until a batch in doubt can be asked for again
	ended    bool // the lease has ended by it
	// serializable is content with what its replica knows.
	serializable bool
	revision     int64

	outcome   outcome
	err       error
	check     func(*op)
	cancel    context.CancelFunc
	cancelled bool // by the client
	abandoned bool // the replica has been killed
	finished  atomic.Bool
	until     int // step in which it ended
}

// outcome is what a client knows of its operation.
type outcome int

const (
	pending outcome = iota
	acknowledged
	refused // it has taken no effect, and never will
	unknown
)

type opKey struct{}

func (o *op) String() string { return fmt.Sprintf("#%d %s on %s", o.id, o.what, o.r) }

// start begins an operation. run is called in a goroutine of its own; check in the simulation's,
// once run has returned.
func (w *simulation) start(r *replica, what string, run func(context.Context) error, check func(*op)) *op {
	o := &op{id: len(w.byID) + 1, r: r, what: what, check: check, invoked: w.step(), began: time.Now(),
		atLeast: w.acked, shown: r.shown, compacted: w.compacted}
	if w.shared {
		o.compacted = w.journal.compacted
	}
	var ctx context.Context
	ctx, o.cancel = context.WithCancel(context.WithValue(context.Background(), opKey{}, o.id))
	w.byID[o.id] = o
	w.ops = append(w.ops, o)
	w.note("%s begins", o)
	w.running.Go(func() {
		o.err = run(ctx)
		o.finished.Store(true)
	})
	return o
}

// actor marks the commits of an operation that is about to start.
func (w *simulation) actor() mvcc.Actor { return mvcc.Actor{AuditID: strconv.Itoa(len(w.byID) + 1)} }

// succeeded notes an operation's outcome, and reports whether there is an answer to check. asked
// are the old revisions that it wanted, lease is one that it needs.
func (w *simulation) succeeded(o *op, lease mvcc.LeaseID, asked ...int64) bool {
	err := o.err
	if o.abandoned {
		return false
	}
	o.outcome = refused
	switch {
	case err == nil:
		o.outcome = acknowledged
		return true
	case errors.Is(err, mvcc.ErrUnknownOutcome):
		o.outcome = unknown
	case errors.Is(err, context.Canceled):
		if !o.cancelled && !o.r.closing {
			w.fail(7, "%s was not cancelled: %v", o, err)
		}
	case errors.Is(err, mvcc.ErrClosed):
		if !o.r.closing {
			w.fail(7, "%s: the store has not been closed: %v", o, err)
		}
	case errors.Is(err, mvcc.ErrCompacted):
		if !anyOf(asked, func(rev int64) bool {
			return rev < w.journal.compacted || o.compacts != 0 && rev == w.journal.compacted
		}) {
			w.fail(4, "%s: %v, but the compacted revision is %d", o, err, w.journal.compacted)
		}
	case errors.Is(err, mvcc.ErrFutureRevision):
		known := o.atLeast
		if o.serializable {
			known = o.shown
		}
		if !anyOf(asked, func(rev int64) bool { return rev > known }) {
			w.fail(1, "%s: %v, but revision %d has been returned", o, err, known)
		}
	case errors.Is(err, mvcc.ErrLeaseNotFound):
		if w.alone(o, lease) && !w.leaseWas(o, lease, func(l leaseLife) bool { return !l.there || !l.deadline.After(w.now().Add(w.clockDoubt())) }) {
			w.fail(5, "%s: %v, but lease %d is there", o, err, lease)
		}
	case errors.Is(err, mvcc.ErrLeaseExists):
		if w.alone(o, lease) && !w.leaseWas(o, lease, func(l leaseLife) bool { return l.there }) {
			w.fail(5, "%s: %v, but lease %d is not there", o, err, lease)
		}
	case errors.Is(err, mvcc.ErrUnavailable), errors.Is(err, memengine.ErrCut):
	default:
		w.fail(7, "%s: %v", o, err)
	}
	if o.outcome == refused && o.revision != 0 {
		w.fail(2, "%s failed with %q, but took effect at revision %d", o, err, o.revision)
	}
	return false
}

func anyOf(revisions []int64, is func(int64) bool) bool {
	for _, rev := range revisions {
		if is(rev) {
			return true
		}
	}
	return false
}

// leaseWas reports whether a lease has been so at any time while the operation was under way.
func (w *simulation) leaseWas(o *op, id mvcc.LeaseID, so func(leaseLife) bool) bool {
	for _, l := range w.journal.during(id, o.invoked) {
		if so(l) {
			return true
		}
	}
	return false
}

// asked reports whether a client has asked to end a lease. Of those that wait for an answer any may
// have done it.
func (w *simulation) asked(id mvcc.LeaseID) bool {
	found := false
	var lost *op
	for _, o := range w.leaseOps {
		switch {
		case o.lease != id || !o.revokes:
		case o.outcome == pending:
			o.ended, found = true, true
		case o.outcome == unknown && !o.ended:
			lost = o
		}
	}
	if !found && lost != nil {
		lost.ended, found = true, true
	}
	return found
}

// looked checks that an answer which must be current rests on a look at the database.
func (w *simulation) looked(o *op) {
	switch {
	case !w.shared || o.r.good >= o.invoked:
	case o.r.answered >= o.invoked:
		w.fail(1, "%s is answered by a look at the database that had begun before it", o)
	default:
		w.fail(7, "%s is answered, but the database has not answered since it began", o)
	}
}

// returned notes the revision of an answer. current says that it must cover everything that was
// acknowledged before.
func (w *simulation) returned(o *op, revision int64, current bool) {
	r := o.r
	switch {
	case revision > w.journal.revision:
		w.fail(1, "%s returns revision %d, the database is at %d", o, revision, w.journal.revision)
	case current && revision < o.atLeast:
		w.fail(1, "%s returns revision %d, but %d had been returned before it began", o, revision, o.atLeast)
	case revision < o.shown:
		w.fail(1, "%s returns revision %d, but its replica had returned %d before it began", o, revision, o.shown)
	}
	r.shown = max(r.shown, revision)
	w.acked = max(w.acked, revision)
}

// alone reports whether no other operation on a lease and the same replica was under way at the
// same time: what several do in one batch shows in the database as one change.
func (w *simulation) alone(o *op, lease mvcc.LeaseID) bool {
	for _, p := range w.leaseOps {
		if p != o && p.lease == lease && p.r == o.r && (p.until == 0 || p.until >= o.invoked) {
			return false
		}
	}
	return true
}

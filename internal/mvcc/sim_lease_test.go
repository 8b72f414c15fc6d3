package mvcc_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

func (w *simulation) lease(r *replica) {
	id, ttl := w.leaseID(), 1+w.rnd.Int64N(20)
	var l mvcc.Lease
	// held: the lease has been there, and lasts as long as it should.
	held := func(o *op) {
		if !w.succeeded(o, id) {
			return
		}
		if w.alone(o, id) && !w.leaseWas(o, id, func(have leaseLife) bool {
			return have.there && have.ttl == l.TTL && sameDeadline(have.deadline, l.Deadline)
		}) {
			w.fail(6, "%s is acknowledged, but the database does not have it: %+v", o, l)
		}
		if early := o.began.Add(time.Duration(l.TTL)*time.Second - w.clockDoubt()).Sub(l.Deadline); early > 0 {
			w.fail(5, "%s: the lease of %d s ends %s too soon", o, l.TTL, early)
		}
	}
	var o *op
	switch n := w.rnd.IntN(10); {
	case n < 4:
		o = w.start(r, fmt.Sprintf("grant %d for %d s", id, ttl), func(ctx context.Context) (err error) {
			l, err = r.store.LeaseGrant(ctx, id, ttl)
			return err
		}, held)
	case n < 8:
		o = w.start(r, fmt.Sprintf("keep %d alive", id), func(ctx context.Context) (err error) {
			l, err = r.store.LeaseKeepAlive(ctx, id)
			return err
		}, held)
	default:
		var rev int64
		actor := w.actor()
		o = w.start(r, fmt.Sprintf("revoke %d", id), func(ctx context.Context) (err error) {
			rev, err = r.store.LeaseRevoke(ctx, id, actor)
			return err
		}, func(o *op) {
			if !w.succeeded(o, id) {
				return
			}
			if !o.ended && w.alone(o, id) {
				w.fail(6, "%s is acknowledged, but the lease has not ended", o)
			}
			if o.revision != 0 {
				w.returned(o, rev, true)
			}
		})
		o.revokes = true
		o.decide = func(x *reference) {
			for _, kv := range x.now.in(all) {
				if kv.Lease == id {
					x.remove(string(kv.Key))
				}
			}
		}
	}
	o.lease = id
	w.leaseOps = append(w.leaseOps, o)
}

// sameDeadline: a database keeps milliseconds.
func sameDeadline(a, b time.Time) bool { return a.UnixMilli() == b.UnixMilli() }

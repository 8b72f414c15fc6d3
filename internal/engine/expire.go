package engine

import (
	"container/heap"
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// expireRetry is the pause before the deletion of a Query is retried.
const expireRetry = 30 * time.Second

// expiring is a Query that has ended and will be deleted.
type expiring struct {
	at              time.Time
	uid             types.UID
	namespace, name string
	index           int
}

// expiry schedules the deletion of Queries. It is safe for concurrent use.
type expiry struct {
	mu     sync.Mutex
	order  byTime
	of     map[types.UID]*expiring
	sooner chan struct{} // has room for one
}

func newExpiry() *expiry {
	return &expiry{of: map[types.UID]*expiring{}, sooner: make(chan struct{}, 1)}
}

// add schedules the deletion of a Query that has ended: its TTL after its end. One without a TTL is
// never deleted.
func (x *expiry) add(q *v1alpha1.Query) {
	var ttl time.Duration
	var err error
	if q.Spec.TTL != nil {
		ttl, err = q.Spec.TTL.Parse()
	}
	if q.Spec.TTL == nil || err != nil {
		x.remove(q.UID)
		return
	}
	from := q.CreationTimestamp.Time
	for _, c := range q.Status.Conditions {
		if c.Type == completed && c.Status == v1alpha1.ConditionTrue && !c.LastTransitionTime.IsZero() {
			from = c.LastTransitionTime.Time
		}
	}
	x.set(&expiring{at: from.Add(ttl), uid: q.UID, namespace: q.Namespace, name: q.Name})
}

func (x *expiry) set(e *expiring) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.of[e.uid]; old != nil {
		old.at = e.at
		heap.Fix(&x.order, old.index)
	} else {
		x.of[e.uid] = e
		heap.Push(&x.order, e)
	}
	if x.order[0].uid == e.uid {
		select {
		case x.sooner <- struct{}{}:
		default:
		}
	}
}

func (x *expiry) remove(uid types.UID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.of[uid]; e != nil {
		heap.Remove(&x.order, e.index)
		delete(x.of, uid)
	}
}

// due returns a Query that is to be deleted now, or how long to wait for the next.
func (x *expiry) due(now time.Time) (*expiring, time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.order) == 0 {
		return nil, time.Hour
	}
	first := x.order[0]
	if wait := first.at.Sub(now); wait > 0 {
		return nil, wait
	}
	heap.Pop(&x.order)
	delete(x.of, first.uid)
	return first, 0
}

type byTime []*expiring

func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].at.Before(b[j].at) }
func (b byTime) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].index, b[j].index = i, j
}

// Push implements heap.Interface.
func (b *byTime) Push(e any) {
	e.(*expiring).index = len(*b)
	*b = append(*b, e.(*expiring))
}

// Pop implements heap.Interface.
func (b *byTime) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}

// expire deletes Queries whose TTL has passed.
func (e *Engine) expire(ctx context.Context) {
	for {
		next, wait := e.expiry.due(time.Now())
		if next == nil {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-e.expiry.sooner:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			timer.Stop()
			continue
		}
		if err := e.expireOne(ctx, next); err != nil && ctx.Err() == nil {
			log(&v1alpha1.Query{}).Info("Failed to delete a query whose TTL has passed; trying again", "name", next.namespace+"/"+next.name, "err", err)
			next.at = time.Now().Add(expireRetry)
			e.expiry.set(next)
		}
	}
}

// expireOne deletes a Query if it is unchanged: its TTL may have been changed since.
func (e *Engine) expireOne(ctx context.Context, x *expiring) error {
	q := &v1alpha1.Query{}
	err := e.options.Client.Get(ctx, "queries", x.namespace, x.name, q)
	if apierrors.IsNotFound(err) || err == nil && (q.UID != x.uid || q.DeletionTimestamp != nil || !terminal(phaseOf(q))) {
		return nil
	}
	if err != nil {
		return err
	}
	e.expiry.add(q)
	now, _ := e.expiry.due(time.Now())
	if now == nil {
		return nil
	}
	if now.uid != q.UID { // another one is due earlier
		e.expiry.set(now)
		return nil
	}
	if err := e.options.Client.Delete(ctx, "queries", q); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

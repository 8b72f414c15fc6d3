package engine

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// item is a Query that waits or runs.
type item struct {
	query   *v1alpha1.Query
	since   time.Time
	running bool
	gone    bool
}

// tenant is a namespace with Queries that wait or run.
type tenant struct {
	waiting []*item
	running int
	// last is the number of the last start of one of them, in the order of all starts.
	last uint64
}

// queue selects the next Query to run. A namespace with few running Queries comes before one with
// many, so that each gets the same share, regardless of how many it has queued. It is safe for
// concurrent use.
type queue struct {
	limits Limits
	// quietFor is how long a Query waits before its status shows it: most start earlier, and need no
	// such write.
	quietFor time.Duration

	mu      sync.Mutex
	changed sync.Cond // there may be a Query to start, or the queue is closed
	quiet   sync.Cond // there may be a Query to announce, or the queue is closed
	closed  bool
	tenants map[string]*tenant
	items   map[types.UID]*item
	// silent are Queries whose status does not show yet that they wait. Some may have started or been
	// deleted.
	silent  []*item
	alarmed bool // a timer will signal quiet
	running int
	starts  uint64
}

func newQueue(limits Limits) *queue {
	q := &queue{limits: limits, tenants: map[string]*tenant{}, items: map[types.UID]*item{}}
	q.changed.L, q.quiet.L = &q.mu, &q.mu
	return q
}

// add queues a Query, or replaces its known state. A Query that was running, which another process
// has left running or which has waited for a person, comes before those of its namespace that have
// not begun.
func (q *queue) add(query *v1alpha1.Query) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known := q.items[query.UID]; known != nil {
		if !known.running {
			known.query = query
		}
		return
	}
	it := &item{query: query, since: time.Now()}
	q.items[query.UID] = it
	if phase := phaseOf(query); phase == "" || phase == v1alpha1.QueryPending {
		q.silent = append(q.silent, it)
	}
	t := q.tenants[query.Namespace]
	if t == nil {
		t = &tenant{}
		q.tenants[query.Namespace] = t
	}
	if begun(query) {
		first := slices.IndexFunc(t.waiting, func(other *item) bool { return !begun(other.query) })
		if first < 0 {
			first = len(t.waiting)
		}
		t.waiting = slices.Insert(t.waiting, first, it)
	} else {
		t.waiting = append(t.waiting, it)
	}
	q.changed.Signal()
	q.quiet.Signal()
}

// begun reports whether a Query was running before it was queued.
func begun(query *v1alpha1.Query) bool {
	phase := phaseOf(query)
	return phase == v1alpha1.QueryRunning || phase == v1alpha1.QueryInputRequired
}

// remove removes a waiting Query from the queue.
func (q *queue) remove(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[uid]
	if it == nil || it.running {
		return
	}
	delete(q.items, uid)
	it.gone = true
	t := q.tenants[it.query.Namespace]
	t.waiting = slices.DeleteFunc(t.waiting, func(other *item) bool { return other == it })
	q.forget(it.query.Namespace)
}

func (q *queue) forget(namespace string) {
	if t := q.tenants[namespace]; len(t.waiting) == 0 && t.running == 0 {
		delete(q.tenants, namespace)
	}
}

// next waits for a Query that may start, and counts it as running. ok is false once the queue is
// closed.
func (q *queue) next() (_ *item, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if t := q.choose(); t != nil {
			it := t.waiting[0]
			t.waiting = slices.Delete(t.waiting, 0, 1)
			it.running = true
			q.running++
			t.running++
			q.starts++
			t.last = q.starts
			if q.choose() == nil {
				q.quiet.Signal()
			}
			return it, true
		}
		q.changed.Wait()
	}
	return nil, false
}

// choose returns the namespace of the next Query, or nil.
func (q *queue) choose() *tenant {
	if q.limits.Total > 0 && q.running >= q.limits.Total {
		return nil
	}
	var best *tenant
	for _, t := range q.tenants {
		if len(t.waiting) == 0 || q.limits.PerNamespace > 0 && t.running >= q.limits.PerNamespace {
			continue
		}
		if best == nil || t.running < best.running || t.running == best.running && t.last < best.last {
			best = t
		}
	}
	return best
}

// done records that a Query that next returned no longer runs.
func (q *queue) done(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.tenants[it.query.Namespace].running--
	delete(q.items, it.query.UID)
	q.forget(it.query.Namespace)
	q.changed.Signal()
}

// close makes next and announcement return.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	q.quiet.Broadcast()
}

// announcement waits for a Query that cannot start now and whose status does not show it yet.
func (q *queue) announcement() (_ *v1alpha1.Query, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if q.choose() == nil {
			for len(q.silent) > 0 {
				it := q.silent[0]
				if !it.running && !it.gone {
					if wait := q.quietFor - time.Since(it.since); wait > 0 {
						q.alarm(wait)
						break
					}
				}
				q.silent = q.silent[1:]
				if !it.running && !it.gone {
					return it.query, true
				}
			}
		}
		q.quiet.Wait()
	}
	return nil, false
}

// alarm wakes announcement after a time. The caller holds mu.
func (q *queue) alarm(after time.Duration) {
	if q.alarmed {
		return
	}
	q.alarmed = true
	time.AfterFunc(after, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.alarmed = false
		q.quiet.Signal()
	})
}

// overdue removes the Queries that have waited past their deadline from the queue, and returns them
// with the time of the next check.
func (q *queue) overdue(now time.Time) (_ []*v1alpha1.Query, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*v1alpha1.Query
	for namespace, t := range q.tenants {
		t.waiting = slices.DeleteFunc(t.waiting, func(it *item) bool {
			due := queueDeadline(it.query)
			// Another process left it running, or it has waited for a person's decision.
			if begun(it.query) {
				return false
			}
			if due.After(now) {
				if next.IsZero() || due.Before(next) {
					next = due
				}
				return false
			}
			out = append(out, it.query)
			it.gone = true
			delete(q.items, it.query.UID)
			return true
		})
		q.forget(namespace)
	}
	return out, next
}

// lengths returns how many Queries wait and how many run.
func (q *queue) lengths() (waiting, running int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.running, q.running
}

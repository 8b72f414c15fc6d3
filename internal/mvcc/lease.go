package mvcc

import (
	"bytes"
	"container/heap"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// MaxLeaseTTL is etcd's limit on a lease, in seconds.
const MaxLeaseTTL = 9_000_000_000

// leasePause is the least time between two tries to expire leases, so that a
// failing engine is not asked all the time.
const leasePause = 100 * time.Millisecond

// leases holds the published leases and the keys attached to each. The goroutine that holds
// Store.publishing changes it: the sequencer, and with Shared the one that follows other
// replicas. Any goroutine reads it. mu guards everything but retry, and no pointer into the
// map leaves it: methods return copies.
type leases struct {
	mu    sync.RWMutex
	byID  map[LeaseID]*leaseKeys
	heap  deadlines
	retry time.Time // no expiry before, after one that failed; sequencer only
}

// leaseKeys is one lease; its Lease.Keys is never filled. Changed in place under leases.mu.
type leaseKeys struct {
	Lease
	keys map[string]struct{}
}

// deadline is a heap entry; one that no longer matches its lease is skipped.
type deadline struct {
	at time.Time
	id LeaseID
}

type deadlines []deadline

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h deadlines) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *deadlines) Push(x any)        { *h = append(*h, x.(deadline)) }
func (h *deadlines) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

func newLeases() *leases { return &leases{byID: map[LeaseID]*leaseKeys{}} }

// get returns a lease, without its keys, and whether there is one.
func (ls *leases) get(id LeaseID) (Lease, bool) {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	if l := ls.byID[id]; l != nil {
		return l.Lease, true
	}
	return Lease{}, false
}

// withKeys returns a lease with the keys attached to it at the same moment, and whether
// there is one.
func (ls *leases) withKeys(id LeaseID) (Lease, bool) {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	l := ls.byID[id]
	if l == nil {
		return Lease{}, false
	}
	return l.copy(), true
}

// all returns every lease without its keys, in no order.
func (ls *leases) all() []Lease {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	all := make([]Lease, 0, len(ls.byID))
	for _, l := range ls.byID {
		all = append(all, l.Lease)
	}
	return all
}

// copy returns the lease with its keys in order. The caller holds leases.mu.
func (l *leaseKeys) copy() Lease {
	out := l.Lease
	out.Keys = make([][]byte, 0, len(l.keys))
	for k := range l.keys {
		out.Keys = append(out.Keys, []byte(k))
	}
	slices.SortFunc(out.Keys, bytes.Compare)
	return out
}

func (ls *leases) set(l Lease) {
	if have := ls.byID[l.ID]; have != nil {
		have.Lease = l
	} else {
		ls.byID[l.ID] = &leaseKeys{Lease: l, keys: map[string]struct{}{}}
	}
	heap.Push(&ls.heap, deadline{l.Deadline, l.ID})
}

// apply publishes what a batch did: leases granted and renewed, keys attached and
// detached, leases gone.
func (ls *leases) apply(set []Lease, commits []*Commit, gone []LeaseID) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range set {
		ls.set(l)
	}
	for _, c := range commits {
		ls.followCommit(c)
	}
	for _, id := range gone {
		delete(ls.byID, id)
	}
}

func (ls *leases) followCommit(c *Commit) {
	for _, e := range c.Events {
		if e.Prev != nil && e.Prev.Lease != 0 {
			if l := ls.byID[e.Prev.Lease]; l != nil {
				delete(l.keys, string(e.KV.Key))
			}
		}
		if e.Type == EventPut {
			ls.attach(e.KV)
		}
	}
}

// follow takes over what other replicas did to leases.
func (ls *leases) follow(changes LeaseChanges) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if changes.All {
		have := make(map[LeaseID]bool, len(changes.Set))
		for _, l := range changes.Set {
			have[l.ID] = true
		}
		for id := range ls.byID {
			if !have[id] {
				delete(ls.byID, id)
			}
		}
	}
	for _, id := range changes.Gone {
		delete(ls.byID, id)
	}
	for _, l := range changes.Set {
		ls.set(l)
	}
}

// attachAll follows one commit.
func (ls *leases) attachAll(c *Commit) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.followCommit(c)
}

// replace takes over everything from others, which is not used any more.
func (ls *leases) replace(others *leases) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.byID, ls.heap = others.byID, others.heap
}

func (ls *leases) attach(kv *KeyValue) {
	if kv.Lease == 0 {
		return
	}
	if l := ls.byID[kv.Lease]; l != nil {
		l.keys[string(kv.Key)] = struct{}{}
	}
}

func (ls *leases) count() int {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return len(ls.byID)
}

// ids returns all lease ids in ascending order.
func (ls *leases) ids() []LeaseID {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return slices.Sorted(maps.Keys(ls.byID))
}

// next returns the earliest deadline.
func (ls *leases) next() (time.Time, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for len(ls.heap) > 0 {
		first := ls.heap[0]
		if l := ls.byID[first.id]; l != nil && l.Deadline.Equal(first.at) {
			return first.at, true
		}
		heap.Pop(&ls.heap)
	}
	return time.Time{}, false
}

// due returns the leases whose deadline has passed.
func (ls *leases) due(now time.Time) []LeaseID {
	if first, ok := ls.next(); !ok || first.After(now) {
		return nil
	}
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	var ids []LeaseID
	for id, l := range ls.byID {
		if !l.Deadline.After(now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// expireLeases revokes what is due, each lease in a revision of its own, as many
// as fit into one batch.
func (s *sequencer) expireLeases(ctx context.Context) {
	now := s.Now()
	if !s.maintains() || now.Before(s.leases.retry) || len(s.leases.due(now)) == 0 {
		return
	}
	err := s.settle(ctx)
	if err == nil {
		err = s.write(ctx, func(b *batch) {
			for _, id := range s.leases.due(b.now) {
				b.revoke(id, Actor{Verb: "expire"})
				if b.bytes >= s.opts.BatchBytes {
					break
				}
			}
		})
	}
	if err != nil {
		s.leases.retry = now.Add(leasePause)
	}
}

// revoke deletes the lease's keys, if any in one revision, and the lease.
func (b *batch) revoke(id LeaseID, a Actor) {
	attached := map[string]struct{}{}
	published, _ := b.store.leases.withKeys(id)
	for _, k := range published.Keys {
		attached[string(k)] = struct{}{}
	}
	for _, c := range b.Commits {
		for _, e := range c.Events {
			if e.Type == EventPut && e.KV.Lease == id {
				attached[string(e.KV.Key)] = struct{}{}
			}
		}
	}
	keys := make([]string, 0, len(attached))
	for k := range attached {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	run := b.execution()
	for _, k := range keys {
		if kv := b.tree.get([]byte(k)); kv != nil && kv.Lease == id {
			run.remove(kv)
		}
	}
	b.add(run.events, a)
	b.setLease(id, nil)
}

// live returns a lease unless it has expired, even if it is still to be removed.
func (b *batch) live(id LeaseID) (Lease, bool) {
	l, ok := b.lease(id)
	return l, ok && l.Deadline.After(b.now)
}

// LeaseGrant creates a lease of ttl seconds, at least 1. With id 0 the store
// chooses one. Errors: ErrLeaseExists, ErrLeaseTTL.
func (s *Store) LeaseGrant(ctx context.Context, id LeaseID, ttl int64) (Lease, error) {
	if ttl > MaxLeaseTTL {
		return Lease{}, ErrLeaseTTL
	}
	ttl = max(ttl, 1)
	return submit(ctx, s, func(b *batch) (Lease, error) {
		id := id // a batch that came to nothing is decided again
		for id == 0 {
			id = LeaseID(rand.Int64())
			if _, taken := b.lease(id); taken {
				id = 0
			}
		}
		if _, taken := b.lease(id); taken {
			return Lease{}, ErrLeaseExists
		}
		l := Lease{ID: id, TTL: ttl, Deadline: b.now.Add(seconds(ttl))}
		b.setLease(id, &l)
		return l, nil
	})
}

// seconds converts a TTL, of which the greatest exceed what a Duration holds.
func seconds(ttl int64) time.Duration {
	return time.Duration(min(ttl, int64(1<<63-1)/int64(time.Second))) * time.Second
}

// LeaseRevoke deletes a lease with its keys. Error: ErrLeaseNotFound.
func (s *Store) LeaseRevoke(ctx context.Context, id LeaseID, a Actor) (int64, error) {
	return submit(ctx, s, func(b *batch) (int64, error) {
		if _, ok := b.lease(id); !ok {
			return 0, ErrLeaseNotFound
		}
		b.revoke(id, a)
		return b.revision(), nil
	})
}

// LeaseKeepAlive gives a lease its full TTL again. Error: ErrLeaseNotFound.
func (s *Store) LeaseKeepAlive(ctx context.Context, id LeaseID) (Lease, error) {
	return submit(ctx, s, func(b *batch) (Lease, error) {
		l, ok := b.live(id)
		if !ok {
			return Lease{}, ErrLeaseNotFound
		}
		l.Deadline = b.now.Add(seconds(l.TTL))
		b.setLease(id, &l)
		return l, nil
	})
}

// Lease describes a lease, with its keys if asked for. Error:
// ErrLeaseNotFound. Where other replicas write too, call Current first.
func (s *Store) Lease(id LeaseID, keys bool) (Lease, error) {
	find := s.leases.get
	if keys {
		find = s.leases.withKeys
	}
	l, ok := find(id)
	if !ok {
		return Lease{}, ErrLeaseNotFound
	}
	return l, nil
}

// Leases returns all lease ids in ascending order.
func (s *Store) Leases() []LeaseID { return s.leases.ids() }

// NextLeases returns the leases that expire first, at most n, with their keys.
func (s *Store) NextLeases(n int) []Lease {
	all := s.leases.all()
	slices.SortFunc(all, func(a, b Lease) int { return a.Deadline.Compare(b.Deadline) })
	next := make([]Lease, 0, min(n, len(all)))
	for _, l := range all {
		if len(next) == n {
			break
		}
		if l, ok := s.leases.withKeys(l.ID); ok { // not gone since
			next = append(next, l)
		}
	}
	return next
}

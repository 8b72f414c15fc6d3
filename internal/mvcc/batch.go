package mvcc

import (
	"context"
	"time"
)

// MaxEventsPerRevision bounds what one transaction may change.
const MaxEventsPerRevision = 1 << 20

// batch is the state that the next database transaction would lead to. The
// sequencer decides one request after the other on it. It is private until
// committed, and simply dropped if that fails.
type batch struct {
	Batch
	base   *state
	tree   *editor
	leases map[LeaseID]*Lease // granted, renewed; nil is revoked
	store  *Store
	now    time.Time
	bytes  int
	// requests counts those decided on the batch.
	requests int
	// landed says, after an unknown outcome, that the batch is durable.
	landed bool
}

func (s *sequencer) newBatch(base *state) *batch {
	return &batch{
		Batch: Batch{ID: s.ids.next(), Base: base.Position, BaseBatch: base.batch},
		base:  base,
		tree:  base.tree.edit(),
		store: s.Store,
		now:   s.Now(),
	}
}

// revision is the newest one in the batch.
func (b *batch) revision() int64 { return b.Base.Revision + int64(len(b.Commits)) }

func (b *batch) compacted() int64 { return max(b.base.compacted, b.Compacted) }

// add makes events the batch's next revision. None make none.
func (b *batch) add(events []Event, a Actor) {
	if len(events) == 0 {
		return
	}
	c := &Commit{Revision: b.revision() + 1, Batch: b.ID, Events: events, Actor: a, Time: b.now}
	b.Commits = append(b.Commits, c)
	b.bytes += c.size()
}

// empty is Empty before the batch has been sealed.
func (b *batch) empty() bool { return len(b.leases) == 0 && b.Empty() }

// seal fills in what the engine is to write.
func (b *batch) seal() {
	for id, l := range b.leases {
		if l == nil {
			b.RevokedLeases = append(b.RevokedLeases, id)
		} else {
			b.Leases = append(b.Leases, *l)
		}
	}
}

// lease returns a lease as the batch leaves it, and whether there is one.
func (b *batch) lease(id LeaseID) (Lease, bool) {
	if l, ok := b.leases[id]; ok {
		if l == nil {
			return Lease{}, false
		}
		return *l, true
	}
	return b.store.leases.get(id)
}

func (b *batch) setLease(id LeaseID, l *Lease) {
	if b.leases == nil {
		b.leases = map[LeaseID]*Lease{}
	}
	b.leases[id] = l
}

// treeAt is the tree at a revision that is not above the batch's: with what the
// running transaction has done undone and then the batch's own commits, newest
// first, or a snapshot of what was published.
func (b *batch) treeAt(ctx context.Context, revision int64, running []Event) (tree, error) {
	if revision < b.Base.Revision {
		return b.store.treeAt(ctx, b.base, revision)
	}
	e := b.tree.tree.edit()
	e.undo(running)
	for i := len(b.Commits) - 1; i >= 0 && b.Commits[i].Revision > revision; i-- {
		e.undo(b.Commits[i].Events)
	}
	return e.tree, nil
}

// undo takes back the events of one commit.
func (e *editor) undo(events []Event) {
	for i := len(events) - 1; i >= 0; i-- {
		if prev := events[i].Prev; prev != nil {
			e.set(prev)
		} else {
			e.remove(events[i].KV.Key)
		}
	}
}

// redo carries out the events of one commit.
func (e *editor) redo(events []Event) {
	for _, ev := range events {
		if ev.Type == EventPut {
			e.set(ev.KV)
		} else {
			e.remove(ev.KV.Key)
		}
	}
}

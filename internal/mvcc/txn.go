package mvcc

import (
	"context"
	"fmt"
)

// Txn carries out a transaction and answers when its writes are durable. The
// store keeps t's slices: the caller must not change them afterwards. An error
// means that nothing has been written, unless it wraps ErrUnknownOutcome or is
// ctx's own: then the transaction may have taken effect, or still will.
func (s *Store) Txn(ctx context.Context, t *Txn, a Actor) (*TxnResult, error) {
	// What does not write needs no turn: the published state decides it.
	st := s.state.Load()
	p := t.plan(st.tree)
	if s.shared != nil && !p.writes() {
		var err error
		if st, err = s.current(ctx); err != nil {
			return nil, err
		}
		p = t.plan(st.tree)
	}
	if !p.writes() {
		run := execution{store: s, base: st}
		return run.txn(ctx, p)
	}
	return submit(ctx, s, func(b *batch) (*TxnResult, error) {
		p := t.plan(b.tree.tree)
		run := b.execution()
		res, err := run.txn(ctx, p)
		if err != nil {
			b.tree.undo(run.events)
			return nil, err
		}
		b.add(run.events, a)
		return res, nil
	})
}

// execution carries out one transaction's plan.
type execution struct {
	store    *Store
	base     *state // what has been published
	batch    *batch // what to write to; nil for a plan that does not write
	revision int64  // what the writes get
	events   []Event
	changes  int // events that the plan may lead to, counted by check
}

func (b *batch) execution() execution {
	return execution{store: b.store, base: b.base, batch: b, revision: b.revision() + 1}
}

// current is the tree as the transaction has left it so far.
func (x *execution) current() tree {
	if x.batch != nil {
		return x.batch.tree.tree
	}
	return x.base.tree
}

// at is the tree at a revision before the transaction's own.
func (x *execution) at(ctx context.Context, revision int64) (tree, error) {
	if x.batch != nil {
		return x.batch.treeAt(ctx, revision, x.events)
	}
	return x.store.treeAt(ctx, x.base, revision)
}

// bounds are the compacted revision and the one that the transaction begins on.
func (x *execution) bounds() (compacted, revision int64) {
	if x.batch != nil {
		return x.batch.compacted(), x.batch.revision()
	}
	return x.base.compacted, x.base.Revision
}

func (x *execution) txn(ctx context.Context, p *plan) (*TxnResult, error) {
	if err := x.check(ctx, p); err != nil {
		return nil, err
	}
	return x.carryOut(ctx, p)
}

// maxChanges bounds what a transaction that deletes ranges may change, well below
// what a revision has room for.
const maxChanges = MaxEventsPerRevision / 2

// check finds every error before the first write, so that a transaction that
// fails leaves nothing behind.
func (x *execution) check(ctx context.Context, p *plan) error {
	compacted, revision := x.bounds()
	nested := 0
	for _, op := range p.ops {
		switch op := op.(type) {
		case *Range:
			if err := checkRevision(op.Revision, compacted, revision); err != nil {
				return err
			}
			if op.Revision != 0 {
				// Reading the log may fail, so do it while nothing has changed.
				if _, err := x.at(ctx, op.Revision); err != nil {
					return err
				}
			}
		case *Put:
			x.changes++
			if op.Lease != 0 {
				if _, ok := x.batch.live(op.Lease); !ok {
					return ErrLeaseNotFound
				}
			}
			if (op.IgnoreValue || op.IgnoreLease) && x.current().get(op.Key) == nil {
				return ErrKeyNotFound
			}
		case *Delete:
			x.changes += x.current().count(op.Span)
			if x.changes > maxChanges {
				return fmt.Errorf("%w: it deletes %d keys at once, the limit is %d: delete smaller ranges", ErrTooManyChanges, x.changes, maxChanges)
			}
		case *Txn:
			if err := x.check(ctx, p.nested[nested]); err != nil {
				return err
			}
			nested++
		}
	}
	return nil
}

func checkRevision(asked, compacted, revision int64) error {
	switch {
	case asked == 0:
		return nil
	case asked > revision:
		return ErrFutureRevision
	case asked < compacted:
		return ErrCompacted
	}
	return nil
}

func (x *execution) carryOut(ctx context.Context, p *plan) (*TxnResult, error) {
	res := &TxnResult{Succeeded: p.succeeded, Results: make([]OpResult, 0, len(p.ops))}
	nested := 0
	for _, op := range p.ops {
		var r OpResult
		var err error
		switch op := op.(type) {
		case *Range:
			r, err = x.read(ctx, op)
		case *Put:
			r = x.put(op)
		case *Delete:
			r = x.delete(op)
		case *Txn:
			r, err = x.carryOut(ctx, p.nested[nested])
			nested++
		}
		if err != nil {
			return nil, err
		}
		res.Results = append(res.Results, r)
	}
	res.Revision = x.now()
	return res, nil
}

// now is the revision that the transaction sees: its own once it has written.
func (x *execution) now() int64 {
	if len(x.events) > 0 {
		return x.revision
	}
	_, revision := x.bounds()
	return revision
}

func (x *execution) read(ctx context.Context, r *Range) (*RangeResult, error) {
	t := x.current()
	if r.Revision != 0 {
		var err error
		if t, err = x.at(ctx, r.Revision); err != nil {
			return nil, err
		}
	}
	res := t.read(r)
	res.Revision = x.now()
	return res, nil
}

func (x *execution) put(p *Put) *PutResult {
	t := x.batch.tree
	kv := &KeyValue{
		Key: p.Key, Value: p.Value, Lease: p.Lease, Version: 1,
		CreateRevision: x.revision, ModRevision: x.revision, CreatePosition: len(x.events),
	}
	prev := t.get(p.Key)
	if prev != nil {
		kv.Key = prev.Key
		kv.CreateRevision, kv.CreatePosition = prev.CreateRevision, prev.CreatePosition
		kv.Version = prev.Version + 1
		if p.IgnoreValue {
			kv.Value = prev.Value
		}
		if p.IgnoreLease {
			kv.Lease = prev.Lease
		}
	}
	t.set(kv)
	x.events = append(x.events, Event{Type: EventPut, KV: kv, Prev: prev})
	res := &PutResult{Revision: x.revision}
	if p.PrevKV {
		res.Prev = prev
	}
	return res
}

func (x *execution) delete(d *Delete) *DeleteResult {
	var gone []*KeyValue
	x.batch.tree.ascend(d.Span, func(kv *KeyValue) bool {
		gone = append(gone, kv)
		return true
	})
	for _, kv := range gone {
		x.remove(kv)
	}
	res := &DeleteResult{Revision: x.now(), Deleted: int64(len(gone))}
	if d.PrevKV {
		res.Prev = gone
	}
	return res
}

func (x *execution) remove(kv *KeyValue) {
	x.batch.tree.remove(kv.Key)
	x.events = append(x.events, Event{Type: EventDelete, KV: &KeyValue{Key: kv.Key, ModRevision: x.revision}, Prev: kv})
}

package mvcc

import (
	"bytes"
	"cmp"
)

// holds evaluates the compare on a tree.
func (c *Compare) holds(t tree) bool {
	if c.single() {
		kv := t.get(c.Key)
		if kv == nil {
			return c.holdsForMissing()
		}
		return c.holdsFor(kv)
	}
	all, any := true, false
	t.ascend(c.Span, func(kv *KeyValue) bool {
		any = true
		all = c.holdsFor(kv)
		return all
	})
	if !any {
		return c.holdsForMissing()
	}
	return all
}

var missing = &KeyValue{}

// holdsForMissing: what does not exist has no value to compare, and zeros for
// everything else.
func (c *Compare) holdsForMissing() bool {
	return c.Target != CompareValue && c.holdsFor(missing)
}

func (c *Compare) holdsFor(kv *KeyValue) bool {
	var got int
	switch c.Target {
	case CompareVersion:
		got = cmp.Compare(kv.Version, c.Int)
	case CompareCreate:
		got = cmp.Compare(kv.CreateRevision, c.Int)
	case CompareMod:
		got = cmp.Compare(kv.ModRevision, c.Int)
	case CompareLease:
		got = cmp.Compare(int64(kv.Lease), c.Int)
	case CompareValue:
		got = bytes.Compare(kv.Value, c.Value)
	}
	switch c.Result {
	case Equal:
		return got == 0
	case NotEqual:
		return got != 0
	case Greater:
		return got > 0
	default:
		return got < 0
	}
}

// plan is the path that a transaction takes: its branch, and the plans of the
// transactions nested in it. As in etcd all compares are decided on the state
// before the transaction.
type plan struct {
	succeeded bool
	ops       []Op
	nested    []*plan // one for each *Txn of ops, in order
}

// plan decides the compares on a tree. Once a path has failed nothing of it
// remains: a transaction has no effect but through its plan.
func (t *Txn) plan(on tree) *plan {
	p := &plan{succeeded: true, ops: t.Then}
	for i := range t.Compares {
		if !t.Compares[i].holds(on) {
			p.succeeded, p.ops = false, t.Else
			break
		}
	}
	for _, op := range p.ops {
		if sub, ok := op.(*Txn); ok {
			p.nested = append(p.nested, sub.plan(on))
		}
	}
	return p
}

// writes says whether carrying the plan out may change anything.
func (p *plan) writes() bool {
	for _, op := range p.ops {
		switch op.(type) {
		case *Put, *Delete:
			return true
		}
	}
	for _, sub := range p.nested {
		if sub.writes() {
			return true
		}
	}
	return false
}

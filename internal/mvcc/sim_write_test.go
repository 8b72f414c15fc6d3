package mvcc_test

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// request starts a random operation.
func (w *simulation) request(r *replica) {
	switch n := w.rnd.IntN(120); {
	case n >= 100:
		w.sides(r)
	case n < 45:
		w.txn(r)
	case n < 62:
		w.read(r)
	case n < 67:
		w.snapshot(r)
	case n < 70:
		w.current(r)
	case n < 78:
		w.compact(r)
	default:
		w.lease(r)
	}
}

const keys, leases = 8, 4

func (w *simulation) key() []byte           { return fmt.Appendf(nil, "k%d", w.rnd.IntN(keys)) }
func (w *simulation) leaseID() mvcc.LeaseID { return mvcc.LeaseID(1 + w.rnd.IntN(leases)) }

// old is a revision that may be compacted, or not be there yet.
func (w *simulation) old() int64 {
	from := max(w.journal.compacted-2, 1)
	return from + w.rnd.Int64N(w.journal.revision+2-from)
}

// txn writes some keys, each once, or reads.
func (w *simulation) txn(r *replica) {
	id := len(w.byID) + 1
	places := w.rnd.Perm(keys)
	next := func() []byte {
		k := places[0]
		places = places[1:]
		return fmt.Appendf(nil, "k%d", k)
	}
	var asked []int64
	var lease mvcc.LeaseID
	value := 0
	write := func() mvcc.Op {
		if w.rnd.IntN(4) == 0 {
			return &mvcc.Delete{Span: mvcc.Span{Key: next()}, PrevKV: w.rnd.IntN(2) == 0}
		}
		value++
		p := &mvcc.Put{Key: next(), Value: fmt.Appendf(nil, "%d.%d", id, value), PrevKV: w.rnd.IntN(2) == 0}
		if w.rnd.IntN(5) == 0 && lease == 0 {
			lease = w.leaseID()
			p.Lease = lease
		}
		return p
	}
	look := func() mvcc.Op {
		rg := &mvcc.Range{Span: all}
		if w.rnd.IntN(3) == 0 {
			rg.Revision = w.old()
			asked = append(asked, rg.Revision)
		}
		return rg
	}
	compare := func(key []byte) mvcc.Compare {
		c := mvcc.Compare{Span: mvcc.Span{Key: key}}
		kv := w.journal.contents[w.journal.revision][string(key)]
		switch {
		case w.rnd.IntN(3) == 0 || kv == nil:
			c.Target = mvcc.CompareCreate // does not exist
		case w.rnd.IntN(3) == 0:
			c.Target, c.Value = mvcc.CompareValue, kv.Value
		default:
			c.Target, c.Int = mvcc.CompareMod, kv.ModRevision
		}
		return c
	}
	t := &mvcc.Txn{}
	reads := false
	switch n := w.rnd.IntN(10); {
	case n < 5: // as an API server's create, update and delete
		t.Then = []mvcc.Op{write()}
		key := t.Then[0]
		if p, ok := key.(*mvcc.Put); ok {
			t.Compares = []mvcc.Compare{compare(p.Key)}
		} else {
			t.Compares = []mvcc.Compare{compare(key.(*mvcc.Delete).Key)}
		}
		t.Else = []mvcc.Op{&mvcc.Range{Span: t.Compares[0].Span}}
	case n < 7:
		t.Then = []mvcc.Op{write(), write(), look()}
	case n < 8:
		t.Compares = []mvcc.Compare{compare(w.key())}
		inner := &mvcc.Txn{Compares: []mvcc.Compare{compare(w.key())}, Then: []mvcc.Op{write()}, Else: []mvcc.Op{look(), write()}}
		t.Then = []mvcc.Op{write(), inner, look()}
		t.Else = []mvcc.Op{look()}
	case n < 9:
		from := w.key()
		t.Then = []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: from, End: append(from[:len(from):len(from)], 1)}}}
		if w.rnd.IntN(4) == 0 {
			t.Then = []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: []byte("k3"), End: []byte("k6")}, PrevKV: true}}
		}
	default:
		t.Then, reads = []mvcc.Op{look(), look()}, true
	}
	var res, want *mvcc.TxnResult
	actor := w.actor()
	o := w.start(r, "txn", func(ctx context.Context) (err error) {
		res, err = r.store.Txn(ctx, t, actor)
		return err
	}, func(o *op) {
		if !w.succeeded(o, lease, asked...) {
			return
		}
		switch {
		case reads:
			w.looked(o)
		case o.revision == 0 && res.Revision > w.journal.revision:
			w.fail(6, "%s is acknowledged at revision %d, but the database is at %d", o, res.Revision, w.journal.revision)
		}
		w.returned(o, res.Revision, true)
		switch {
		case o.revision != 0 && res.Revision != o.revision:
			w.fail(2, "%s returns revision %d, but took effect at %d", o, res.Revision, o.revision)
		case o.revision == 0:
			x := refer(w.journal.at(res.Revision), res.Revision, w.journal.at)
			want = x.txn(t)
			if len(x.events) > 0 {
				w.fail(6, "%s is acknowledged at revision %d, but the database does not have it: %s", o, res.Revision, show(res))
			}
		}
		if got, want := show(res), show(want); got != want {
			w.fail(2, "%s answers\n\t%s\nand should answer\n\t%s", o, got, want)
		}
		for _, rev := range asked {
			if want.Succeeded && rev < o.compacted && len(t.Else) == 0 {
				w.fail(4, "%s reads revision %d, but %d was compacted before it began", o, rev, o.compacted)
			}
		}
	})
	o.decide = func(x *reference) { want = x.txn(t) }
}

func (w *simulation) compact(r *replica) {
	rev, physical := w.old(), w.rnd.IntN(3) == 0
	if w.rnd.IntN(2) == 0 {
		rev = w.journal.revision
	}
	what := fmt.Sprintf("compact to %d", rev)
	if physical {
		what += ", physical"
	}
	o := w.start(r, what, func(ctx context.Context) error { return r.store.Compact(ctx, rev, physical) }, func(o *op) {
		if !w.succeeded(o, 0, rev) {
			return
		}
		w.compacted = max(w.compacted, rev)
		if w.journal.compacted < rev {
			w.fail(6, "%s is acknowledged, but the database is compacted to %d", o, w.journal.compacted)
		}
		if pruned := w.db.Reading().Pruned; physical && pruned < rev-1 {
			w.fail(4, "%s has ended, but rows are deleted up to %d", o, pruned)
		}
	})
	o.compacts, o.physical = rev, physical
}

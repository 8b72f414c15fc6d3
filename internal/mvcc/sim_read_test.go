package mvcc_test

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

func (w *simulation) read(r *replica) {
	rg := &mvcc.Range{Span: all, Serializable: w.rnd.IntN(3) == 0}
	switch w.rnd.IntN(4) {
	case 0:
		rg.Revision = w.old()
	case 1:
		rg.Limit = 1 + w.rnd.Int64N(3)
	case 2:
		rg.CountOnly = true
	}
	w.readAs(r, rg)
}

func (w *simulation) readAs(r *replica, rg *mvcc.Range) *op {
	what := "read"
	if rg.Serializable {
		what = "serializable read"
	}
	if rg.Revision != 0 {
		what += fmt.Sprintf(" at %d", rg.Revision)
	}
	var res *mvcc.RangeResult
	o := w.start(r, what, func(ctx context.Context) (err error) {
		res, err = r.store.Range(ctx, rg)
		return err
	}, func(o *op) {
		if w.succeeded(o, 0, rg.Revision) {
			if !rg.Serializable {
				w.looked(o)
			}
			w.returned(o, res.Revision, !rg.Serializable)
			w.reads(o, rg, res)
		}
	})
	o.serializable = rg.Serializable
	return o
}

// reads holds the answer to a range against the journal.
func (w *simulation) reads(o *op, rg *mvcc.Range, res *mvcc.RangeResult) {
	at := res.Revision
	if rg.Revision != 0 {
		at = rg.Revision
		if !rg.Serializable && at < o.compacted {
			w.fail(4, "%s succeeds, but %d was compacted before it began", o, o.compacted)
		}
	}
	want := w.journal.at(at).read(rg)
	want.Revision = res.Revision
	if got, want := show(res), show(want); got != want {
		w.fail(7, "%s answers for revision %d\n\t%s\nand should answer\n\t%s", o, at, got, want)
	}
}

func (w *simulation) snapshot(r *replica) {
	rev := int64(0)
	if w.rnd.IntN(2) == 0 {
		rev = w.old()
	}
	var sn *mvcc.Snapshot
	w.start(r, fmt.Sprintf("snapshot of %d", rev), func(ctx context.Context) (err error) {
		sn, err = r.store.Snapshot(ctx, rev)
		return err
	}, func(o *op) {
		if w.succeeded(o, 0, rev) {
			rg := &mvcc.Range{Span: all, Revision: sn.Revision()}
			res := sn.Range(rg)
			w.looked(o)
			w.returned(o, res.Revision, true)
			w.reads(o, rg, res)
		}
	})
}

func (w *simulation) current(r *replica) *op {
	var rev int64
	return w.start(r, "current", func(ctx context.Context) (err error) {
		rev, err = r.store.Current(ctx)
		return err
	}, func(o *op) {
		if w.succeeded(o, 0) {
			w.looked(o)
			w.returned(o, rev, true)
		}
	})
}

package mvcc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// sideJournal is what the side tables have held after each batch, and what each operation did to
// them.
type sideJournal struct {
	versions [][]mvcc.SideRow
	newest   int64 // the greatest id that was ever assigned
	done     map[int]*mvcc.SideOp
}

// copy is for a backup.
func (j *sideJournal) copy() sideJournal {
	return sideJournal{slices.Clone(j.versions), j.newest, maps.Clone(j.done)}
}

func (j *sideJournal) rows() []mvcc.SideRow {
	if len(j.versions) == 0 {
		return nil
	}
	return j.versions[len(j.versions)-1]
}

// sideOf tells which operation has asked for an op: it stands in the data, or in the end of the
// span.
func sideOf(o *mvcc.SideOp) (id int) {
	text := o.Span.To
	if !o.Deletes() {
		text = o.Rows[0].Data
	}
	_, text, _ = bytes.Cut(text, []byte("#"))
	_, _ = fmt.Sscanf(string(text), "%d", &id)
	return id
}

// sideCommitted takes in a batch of the side tables at the moment that it takes effect.
func (j *journal) sideCommitted(b *mvcc.SideBatch) {
	w, s := j.w, &j.side
	rows := slices.Clone(s.rows())
	for _, o := range b.Ops {
		if !o.Deletes() {
			continue
		}
		n := 0
		w.sideCondition(o, rows)
		rows = slices.DeleteFunc(rows, func(r mvcc.SideRow) bool {
			gone := n < o.Deleted && inSide(o.Span, r) && (o.Before.IsZero() || r.Time.Before(o.Before))
			if gone {
				n++
			}
			return gone
		})
		if n != o.Deleted {
			w.fail(10, "batch %d deletes %d rows, and %d were there", b.Sequence, o.Deleted, n)
		}
	}
	for _, o := range b.Ops {
		id := sideOf(o)
		asked := w.byID[id]
		switch {
		case asked == nil:
			w.fail(10, "side rows were written that nobody asked for: %+v", o)
			return
		case s.done[id] != nil:
			w.fail(10, "%s took effect twice", asked)
			return
		case asked.outcome == refused:
			w.fail(10, "%s failed with %q and took effect afterwards", asked, asked.err)
			return
		}
		s.done[id] = o
		if !o.Deletes() {
			w.sideCondition(o, rows)
		}
		if o.Refused {
			continue
		}
		for _, r := range o.Rows {
			if r.ID <= s.newest {
				w.fail(10, "%s: id %d after %d", asked, r.ID, s.newest)
			}
			s.newest = r.ID
			r.Time = time.UnixMilli(r.Time.UnixMilli())
			rows = append(rows, r)
		}
	}
	s.newest = max(s.newest, b.Newest)
	s.versions = append(s.versions, rows)
}

// sideCondition checks that an op was refused where its condition did not hold, and nowhere else.
func (w *simulation) sideCondition(o *mvcc.SideOp, rows []mvcc.SideRow) {
	if o.If == nil {
		return
	}
	newest := int64(0)
	for _, r := range rows {
		if r.Table == o.If.Table && bytes.Equal(r.Key, o.If.Key) {
			newest = max(newest, r.ID)
		}
	}
	if o.Refused != (newest != o.If.ID) {
		w.fail(10, "an op on the condition that the newest row of %s is %d was refused: %t, and the newest was %d", o.If.Key, o.If.ID, o.Refused, newest)
	}
}

// sideIf is a condition that holds now, does not, or nil.
func (w *simulation) sideIf() *mvcc.SideNewest {
	if w.rnd.IntN(2) == 0 {
		return nil
	}
	c := &mvcc.SideNewest{Table: sideTable, Key: w.sideKey()}
	for _, r := range w.journal.side.rows() {
		if bytes.Equal(r.Key, c.Key) && w.rnd.IntN(8) > 0 {
			c.ID = max(c.ID, r.ID)
		}
	}
	return c
}

func inSide(s mvcc.SideSpan, r mvcc.SideRow) bool {
	return r.Table == s.Table && bytes.Compare(r.Key, s.From) >= 0 && (len(s.To) == 0 || bytes.Compare(r.Key, s.To) < 0)
}

const sideTable = "simulated"

func (w *simulation) sideKey() []byte { return fmt.Appendf(nil, "k%d", w.rnd.IntN(2)) }

// sides starts a random operation on the side tables.
func (w *simulation) sides(r *replica) {
	switch n := w.rnd.IntN(10); {
	case n < 5:
		w.sideAppend(r)
	case n < 7:
		w.sideDelete(r)
	case n < 9:
		w.sidePage(r)
	default:
		w.sideCount(r)
	}
}

// sideEnded notes an operation's outcome, and returns what it did; nil where there is nothing to
// check.
func (w *simulation) sideEnded(o *op, id int) *mvcc.SideOp {
	done := w.journal.side.done[id]
	if !w.succeeded(o, 0) {
		if o.outcome == refused && done != nil {
			w.fail(10, "%s failed with %q, but took effect", o, o.err)
		}
		return nil
	}
	if done == nil {
		w.fail(10, "%s is acknowledged, but the database does not have it", o)
	}
	return done
}

func (w *simulation) sideAppend(r *replica) {
	id := len(w.byID) + 1
	var rows []mvcc.SideRow
	for i := range 1 + w.rnd.IntN(3) {
		rows = append(rows, mvcc.SideRow{Table: sideTable, Key: w.sideKey(), Data: fmt.Appendf(nil, "#%d.%d", id, i), Time: time.Now()})
	}
	var ids []int64
	condition, changed := w.sideIf(), false
	w.startSide(r, "append side rows", func(ctx context.Context) (err error) {
		if condition == nil {
			ids, err = r.store.Side().Append(ctx, rows...)
			return err
		}
		ids, err = r.store.Side().AppendIf(ctx, *condition, rows...)
		if changed = errors.Is(err, mvcc.ErrSideChanged); changed {
			return nil
		}
		return err
	}, func(o *op) {
		done := w.sideEnded(o, id)
		if done == nil {
			return
		}
		if done.Refused != changed {
			w.fail(10, "%s: refused %t, and the caller was told %t", o, done.Refused, changed)
		}
		if changed {
			return
		}
		for i, row := range done.Rows {
			if ids[i] != row.ID {
				w.fail(10, "%s returns id %d, row %d has %d", o, ids[i], i, row.ID)
			}
		}
	})
}

func (w *simulation) sideDelete(r *replica) {
	id := len(w.byID) + 1
	key := w.sideKey()
	// The end of the span tells the operation, and lies below the next key.
	span := mvcc.SideSpan{Table: sideTable, From: key, To: fmt.Appendf(nil, "%s#%d", key, id)}
	before, most := time.Time{}, 1+w.rnd.IntN(4)
	if w.rnd.IntN(2) == 0 {
		before = time.UnixMilli(time.Now().UnixMilli() - w.rnd.Int64N(2000))
	}
	var n int
	condition, changed := w.sideIf(), false
	w.startSide(r, "delete side rows", func(ctx context.Context) (err error) {
		if condition == nil {
			n, _, err = r.store.Side().Delete(ctx, span, before, most)
			return err
		}
		n, _, err = r.store.Side().DeleteIf(ctx, *condition, span, before, most)
		if changed = errors.Is(err, mvcc.ErrSideChanged); changed {
			return nil
		}
		return err
	}, func(o *op) {
		if done := w.sideEnded(o, id); done != nil && (done.Deleted != n || done.Refused != changed) {
			w.fail(10, "%s returns %d, and %d rows went", o, n, done.Deleted)
		}
	})
}

// sideReads checks an answer against what the tables held at any time while the operation was under
// way.
func (w *simulation) sideReads(r *replica, what string, read func(context.Context) (string, error), answer func(rows []mvcc.SideRow) string) {
	first := max(len(w.journal.side.versions)-1, 0)
	var got string
	w.startSide(r, what, func(ctx context.Context) (err error) {
		got, err = read(ctx)
		return err
	}, func(o *op) {
		if !w.succeeded(o, 0) {
			return
		}
		all := w.journal.side.versions
		if first == 0 {
			all = append([][]mvcc.SideRow{nil}, all...)
		}
		for _, rows := range all[min(first, len(all)):] {
			if answer(rows) == got {
				return
			}
		}
		w.fail(10, "%s answers %s, and the tables held %s at its end", o, got, answer(w.journal.side.rows()))
	})
}

func showSide(rows []mvcc.SideRow, more bool) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s/%d=%s@%d ", r.Key, r.ID, r.Data, r.Time.UnixMilli())
	}
	return fmt.Sprintf("%smore %t", b.String(), more)
}

func (w *simulation) sidePage(r *replica) {
	q := mvcc.SideQuery{SideSpan: mvcc.SideKey(sideTable, w.sideKey()), Limit: 1 + w.rnd.IntN(30), Backward: w.rnd.IntN(2) == 0}
	if rows := w.journal.side.rows(); len(rows) > 0 && w.rnd.IntN(2) == 0 {
		q.After = rows[w.rnd.IntN(len(rows))].Cursor()
		q.SideSpan = mvcc.SideKey(sideTable, q.After.Key)
	}
	w.sideReads(r, "page side rows", func(ctx context.Context) (string, error) {
		page, err := r.store.Side().Page(ctx, q)
		return showSide(page.Rows, page.More), err
	}, func(rows []mvcc.SideRow) string {
		// Those of one key, which are in the order of ids.
		var found []mvcc.SideRow
		for _, row := range rows {
			if inSide(q.SideSpan, row) && (q.After == nil || (row.ID > q.After.ID) != q.Backward && row.ID != q.After.ID) {
				found = append(found, row)
			}
		}
		if q.Backward {
			slices.Reverse(found)
		}
		n := min(len(found), q.Limit)
		return showSide(found[:n], n < len(found))
	})
}

func (w *simulation) sideCount(r *replica) {
	span := mvcc.SidePrefix(sideTable, nil)
	w.sideReads(r, "count side rows", func(ctx context.Context) (string, error) {
		n, err := r.store.Side().Count(ctx, span)
		return fmt.Sprint(n), err
	}, func(rows []mvcc.SideRow) string { return fmt.Sprint(len(rows)) })
}

func (w *simulation) startSide(r *replica, what string, run func(context.Context) error, check func(*op)) {
	w.start(r, what, run, check).side = true
}

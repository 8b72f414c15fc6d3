package history

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// overlap is how many rows before the last one that begins up to a revision may have it, too: those
// of two replicas that archived at the same time.
const overlap = 2

// placed is what a row has: of a revision, of an object.
type placed interface{ place() (int64, Ref) }

// rowReader reads what rows with a common key have, in the order of revisions and each once.
type rowReader[T placed] struct {
	side   mvcc.SideTables
	table  string
	key    []byte // each row's, without the revision
	decode func(*mvcc.SideRow) ([]T, error)
}

// rowPage is how many rows are read at a time.
const rowPage = 100

// read calls visit with what there is from a revision to another, until that returns false.
func (r rowReader[T]) read(ctx context.Context, from, to int64, backward bool, visit func(T) (bool, error)) error {
	if to < from {
		return nil
	}
	to = min(to, 1<<62)
	// Rows begin with the revision that their key has.
	below := mvcc.SideSpan{Table: r.table, From: r.key, To: withRevision(r.key, from+1)}
	page, err := r.side.Page(ctx, mvcc.SideQuery{SideSpan: below, Backward: true, Limit: overlap, MaxBytes: 1 << 20})
	if err != nil {
		return err
	}
	span := mvcc.SideSpan{Table: r.table, From: withRevision(r.key, from), To: withRevision(r.key, to+1)}
	if n := len(page.Rows); n > 0 {
		span.From = page.Rows[n-1].Key
	}
	q := mvcc.SideQuery{SideSpan: span, Backward: backward, Limit: rowPage}
	var held []T
	for more := true; more; {
		page, err := r.side.Page(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			items, err := r.decode(&page.Rows[i])
			if err != nil {
				return err
			}
			for _, item := range items {
				if at, _ := item.place(); at >= from && at <= to {
					held = append(held, item)
				}
			}
		}
		held = inOrder(held, backward)
		ready := held
		if more = page.More && len(page.Rows) > 0; more {
			last := len(page.Rows) - 1
			q.After = page.Rows[last].Cursor()
			// What the rows beyond may have, too, waits for them.
			edge, err := edgeOf(page.Rows, backward)
			if err != nil {
				return err
			}
			n := len(held)
			for n > 0 && !before(held[n-1], edge, backward) {
				n--
			}
			ready = held[:n]
		}
		for _, item := range ready {
			if next, err := visit(item); err != nil || !next {
				return err
			}
		}
		held = slices.Clone(held[len(ready):])
	}
	return nil
}

// edgeOf is the revision up to which, or from which on, rows beyond a page have nothing. A key may
// have any number of rows, of removals that were cut off, some of them beyond the page.
func edgeOf(rows []mvcc.SideRow, backward bool) (int64, error) {
	last := len(rows) - 1
	if !backward {
		_, edge, err := cutRevision(rows[last].Key)
		return edge, err
	}
	for i, keys := last, 0; i > 0; i-- {
		if bytes.Equal(rows[i].Key, rows[i-1].Key) {
			continue
		}
		if keys++; keys == overlap {
			_, edge, err := cutRevision(rows[i-1].Key)
			return edge, err
		}
	}
	return math.MaxInt64, nil
}

func before[T placed](item T, edge int64, backward bool) bool {
	at, _ := item.place()
	if backward {
		return at >= edge
	}
	return at < edge
}

// inOrder sorts items, and leaves out what is there twice: of rows with the same key the newest
// counts, which is the last one unless they were read backward. What an older one says may rest on
// versions that have gone.
func inOrder[T placed](items []T, backward bool) []T {
	compare := func(a, b T) int {
		at, ref := a.place()
		at2, ref2 := b.place()
		if order := cmp.Compare(at, at2); order != 0 {
			if backward {
				return -order
			}
			return order
		}
		return ref.compare(ref2)
	}
	slices.SortStableFunc(items, compare)
	once := items[:0]
	for _, item := range items {
		n := len(once)
		switch {
		case n == 0 || compare(once[n-1], item) != 0:
			once = append(once, item)
		case !backward:
			once[n-1] = item
		}
	}
	return once
}

func (r Ref) compare(other Ref) int {
	if r == other {
		return 0
	}
	return bytes.Compare(r.key(), other.key())
}

// versions reads the versions of an object.
func (a *Archive) versionRows(ref Ref) rowReader[record] {
	return rowReader[record]{a.side, versionTable, ref.key(), func(row *mvcc.SideRow) ([]record, error) { return decodeRow(ref, row.Data) }}
}

// entries reads an index of an owner.
func (a *Archive) entries(o owned) rowReader[entry] {
	return rowReader[entry]{a.side, o.table, []byte(o.key), func(row *mvcc.SideRow) ([]entry, error) { return decodeIndex(row.Data) }}
}

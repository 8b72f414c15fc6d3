package history

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// overlap is how many rows before the last one that begins at or below a revision may also have it,
// because two replicas archived at the same time.
const overlap = 2

// placed is an item of a row, with its revision and object.
type placed interface{ place() (int64, Ref) }

// rowReader reads the items of rows with a common key prefix, in the order of revisions and each
// once.
type rowReader[T placed] struct {
	side   mvcc.SideTables
	table  string
	key    []byte // the common key prefix, without the revision
	decode func(*mvcc.SideRow) ([]T, error)
}

// rowPage is how many rows are read at a time.
const rowPage = 100

// read calls visit with the items in a range of revisions, until visit returns false.
func (r rowReader[T]) read(ctx context.Context, from, to int64, backward bool, visit func(T) (bool, error)) error {
	if to < from {
		return nil
	}
	to = min(to, 1<<62)
	// A row's first revision is in its key.
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
			// Items that later rows may also have are kept until those rows are read.
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

// edgeOf returns the revision up to which, or from which on, rows after a page have no items.
// Interrupted removals may leave any number of rows with the same key, some of them after the page.
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

// inOrder sorts items, and drops duplicates: of rows with the same key the newest is used, which is
// the last one unless they were read backward. An older one may depend on versions that have been
// removed.
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

// versionRows returns a reader of the versions of an object.
func (a *Archive) versionRows(ref Ref) rowReader[record] {
	return rowReader[record]{a.side, versionTable, ref.key(), func(row *mvcc.SideRow) ([]record, error) { return decodeRow(ref, row.Data) }}
}

// entries returns a reader of the index entries of an owner.
func (a *Archive) entries(o owned) rowReader[entry] {
	return rowReader[entry]{a.side, o.table, []byte(o.key), func(row *mvcc.SideRow) ([]entry, error) { return decodeIndex(row.Data) }}
}

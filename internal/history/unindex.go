package history

import (
	"context"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// unindex appends the remaining entries of an owner's index rows without the removed versions, and
// returns the rows that they replace.
func (r *remover) unindex(ctx context.Context, o owned, gone map[version]bool) (old []oldRows, err error) {
	var revisions []int64
	for v := range gone {
		revisions = append(revisions, v.revision)
	}
	slices.Sort(revisions)
	key := []byte(o.key)
	done := map[string]bool{}
	for len(revisions) > 0 {
		first := revisions[0]
		span := mvcc.SideSpan{Table: o.table, From: key, To: withRevision(key, first+1)}
		page, err := r.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Backward: true, Limit: overlap})
		if err != nil {
			return nil, err
		}
		for len(page.Rows) > 0 {
			n := 1
			for n < len(page.Rows) && slices.Equal(page.Rows[n].Key, page.Rows[0].Key) {
				n++
			}
			if start := string(page.Rows[0].Key); !done[start] {
				done[start] = true
				if err := r.shorten(ctx, o, page.Rows[0].Key, gone, &old); err != nil {
					return nil, err
				}
			}
			page.Rows = page.Rows[n:]
		}
		// Entries in the same row are done.
		span = mvcc.SideSpan{Table: o.table, From: withRevision(key, first+1), To: withRevision(key, 1<<62)}
		if page, err = r.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Limit: 1}); err != nil {
			return nil, err
		}
		if len(page.Rows) == 0 {
			return old, nil
		}
		_, next, err := cutRevision(page.Rows[0].Key)
		if err != nil {
			return nil, err
		}
		for len(revisions) > 0 && revisions[0] < next {
			revisions = revisions[1:]
		}
	}
	return old, nil
}

// shorten appends the remaining entries of the index rows of a key without the removed versions.
func (r *remover) shorten(ctx context.Context, o owned, key []byte, gone map[version]bool, old *[]oldRows) error {
	page, err := r.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(o.table, key)})
	if err != nil {
		return err
	}
	var all []entry
	for i := range page.Rows {
		entries, err := decodeIndex(page.Rows[i].Data)
		if err != nil {
			return err
		}
		all = append(all, entries...)
	}
	before := len(all)
	left := slices.DeleteFunc(inOrder(all, false), func(e entry) bool { return gone[version{e.ref, e.revision}] })
	if len(left) == before {
		return nil
	}
	if len(left) > 0 {
		_, start, err := cutRevision(key)
		if err != nil {
			return err
		}
		row, err := indexRow(o, start, left)
		if err != nil {
			return err
		}
		if err := r.turn.append(ctx, row); err != nil {
			return err
		}
	}
	*old = append(*old, oldRows{o.table, key, len(page.Rows), page.Rows[len(page.Rows)-1].ID})
	return nil
}

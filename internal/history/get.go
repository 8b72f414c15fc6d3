package history

import (
	"context"
	"errors"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Get implements Reader.
func (a *Archive) Get(ctx context.Context, ref Ref, revision int64) (*Version, error) {
	v, err := a.viewOf(ctx, revision, revision, func(c *change) bool { return c.ref == ref })
	if err != nil {
		return nil, err
	}
	if len(v.tail) > 0 {
		return clean(v.tail[0].version(), true), nil
	}
	found, err := v.find(ctx, ref, revision)
	if err == nil && found == nil {
		err = &NotFoundError{ref, revision}
	}
	if err != nil {
		return nil, err
	}
	got, err := v.version(ctx, *found, true)
	if errors.Is(err, errRemoved) {
		err = &NotFoundError{ref, revision}
	}
	return got, err
}

// At implements Reader.
func (a *Archive) At(ctx context.Context, ref Ref, revision int64) (*Version, error) {
	v, err := a.viewOf(ctx, 1, revision, func(c *change) bool { return c.ref == ref })
	if err != nil {
		return nil, err
	}
	if err := v.since(revision); err != nil {
		return nil, err
	}
	got, err := v.at(ctx, ref, revision, true)
	if err == nil && (got == nil || got.Deleted) || errors.Is(err, errRemoved) {
		err = &NotFoundError{ref, revision}
	}
	return got, err
}

// at returns the newest version of an object up to a revision, nil for none.
func (v *view) at(ctx context.Context, ref Ref, revision int64, object bool) (*Version, error) {
	for i := len(v.tail) - 1; i >= 0; i-- {
		if t := v.tail[i]; t.commit.Revision <= revision && t.ref == ref {
			return clean(t.version(), object), nil
		}
	}
	var newest *record
	err := v.below(ctx, ref, revision, func(records []record, more bool) bool {
		for i := range records {
			if r := &records[i]; r.Revision <= revision && (newest == nil || r.Revision > newest.Revision) {
				newest = r
			}
		}
		return newest == nil || more
	})
	if err != nil || newest == nil {
		return nil, err
	}
	return v.version(ctx, *newest, object)
}

// RevisionAt implements Reader.
func (a *Archive) RevisionAt(ctx context.Context, t time.Time) (int64, error) {
	v, err := a.view(ctx)
	if err != nil {
		return 0, err
	}
	if t.UnixMilli() < v.FromTime {
		return 0, v.gone()
	}
	for i := len(v.tail) - 1; i >= 0; i-- {
		if c := v.tail[i].commit; !c.Time.Truncate(time.Millisecond).After(t) {
			return c.Revision, nil
		}
	}
	// The times of revisions ascend. The last step that begins at or before the time has the version,
	// or a step before it does.
	from, to := v.From+1, v.UpTo+1
	for from < to {
		middle := from + (to-from)/2
		span := mvcc.SideSpan{Table: stepTable, From: withRevision(nil, middle), To: withRevision(nil, to)}
		page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(page.Rows) == 0 {
			to = middle
			continue
		}
		_, start, err := cutRevision(page.Rows[0].Key)
		if err != nil {
			return 0, err
		}
		entries, err := decodeIndex(page.Rows[0].Data)
		if err != nil {
			return 0, err
		}
		if len(entries) > 0 && entries[0].time > t.UnixMilli() {
			to = middle
		} else {
			from = start + 1
		}
	}
	newest := v.From
	err = v.entries(owned{table: stepTable}).read(ctx, max(v.From+1, from-1), v.UpTo, false, func(e entry) (bool, error) {
		if e.time > t.UnixMilli() {
			return false, nil
		}
		newest = e.revision
		return true, nil
	})
	return newest, err
}

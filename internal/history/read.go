package history

import (
	"context"
	"errors"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// view is what a call sees: the archive up to a revision, and what the log has beyond it.
type view struct {
	*Archive
	progress
	// newest is the revision that the call covers.
	newest int64
	// tail are the versions that are not in the archive yet, oldest first.
	tail []*Version
	// whole are objects that have been rebuilt.
	whole map[string][]byte
}

// view reads what is not archived yet.
func (a *Archive) view(ctx context.Context) (*view, error) {
	for {
		p, err := a.load(ctx)
		if err != nil {
			return nil, err
		}
		if p.From == 0 {
			// Of a new database: the replica that archives begins at once.
			if a.store.Maintains() {
				_, err = a.advance(ctx)
			} else {
				err = wait(ctx, pollInterval)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		now, err := a.store.Snapshot(ctx, 0)
		if err != nil {
			return nil, err
		}
		v := &view{Archive: a, progress: p, newest: max(now.Revision(), p.UpTo), whole: map[string][]byte{}}
		for at := p.UpTo; err == nil && at < now.Revision(); {
			at, err = a.store.Log(ctx, at, now.Revision(), 1<<20, func(c *mvcc.Commit) error {
				for _, f := range a.versions(c) {
					v.tail = append(v.tail, f.Version)
				}
				return nil
			})
		}
		if errors.Is(err, mvcc.ErrCompacted) {
			// It has been archived and pruned meanwhile, or is about to begin anew.
			if err := wait(ctx, pollInterval/10); err != nil {
				return nil, err
			}
			continue
		}
		return v, err
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *view) gone() error { return &GoneError{Oldest: v.From, Time: time.UnixMilli(v.FromTime)} }

// since reports as an error that the history does not tell of a revision.
func (v *view) since(revision int64) error {
	if revision < v.From {
		return v.gone()
	}
	if revision < v.Exact {
		return &GoneError{Oldest: v.Exact, Time: time.UnixMilli(v.ExactTime)}
	}
	return nil
}

// version reads a row of the archive, with the object where that is wanted.
func (v *view) version(ctx context.Context, row *mvcc.SideRow, object bool) (*Version, error) {
	key, revision, err := cutRevision(row.Key)
	if err != nil {
		return nil, err
	}
	ref, err := refOf(key)
	if err != nil {
		return nil, err
	}
	r, err := decode(row.Data)
	if err != nil {
		return nil, err
	}
	version := r.version(ref, revision)
	if object {
		if version.Object, err = v.object(ctx, ref, revision, r); err != nil {
			return nil, err
		}
	}
	return clean(version, object), nil
}

// clean takes from a version what was not asked for, and what nobody can read.
func clean(v *Version, object bool) *Version {
	if object && !v.Encrypted {
		return v
	}
	c := *v
	c.Object = nil
	return &c
}

// object rebuilds an object from the deltas since the last version that is whole.
func (v *view) object(ctx context.Context, ref Ref, revision int64, r *record) ([]byte, error) {
	if r.Base == 0 {
		return r.body, nil
	}
	key := ref.versionKey(r.Base)
	base, ok := v.whole[string(key)]
	if !ok {
		row, below, err := v.row(ctx, ref, r.Base)
		if err != nil {
			return nil, err
		}
		if row == nil || r.Base >= revision {
			return nil, errDamaged
		}
		if base, err = v.object(ctx, ref, r.Base, below); err != nil {
			return nil, err
		}
	}
	whole, err := patch(base, r.body)
	if err == nil {
		if len(v.whole) > maxWhole {
			clear(v.whole)
		}
		v.whole[string(ref.versionKey(revision))] = whole
	}
	return whole, err
}

// maxWhole bounds the objects that a call keeps in memory to rebuild others.
const maxWhole = 256

// row reads the version that a revision wrote, nil for none.
func (v *view) row(ctx context.Context, ref Ref, revision int64) (*mvcc.SideRow, *record, error) {
	page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(versionTable, ref.versionKey(revision)), Limit: 1, MaxBytes: mvcc.MaxSideData})
	if err != nil || len(page.Rows) == 0 {
		return nil, nil, err
	}
	r, err := decode(page.Rows[0].Data)
	return &page.Rows[0], r, err
}

// Get implements Reader.
func (a *Archive) Get(ctx context.Context, ref Ref, revision int64) (*Version, error) {
	v, err := a.view(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range v.tail {
		if t.Revision == revision && t.Ref() == ref {
			return clean(t, true), nil
		}
	}
	row, _, err := v.row(ctx, ref, revision)
	if err == nil && row == nil {
		err = &NotFoundError{ref, revision}
	}
	if err != nil {
		return nil, err
	}
	return v.version(ctx, row, true)
}

// At implements Reader.
func (a *Archive) At(ctx context.Context, ref Ref, revision int64) (*Version, error) {
	v, err := a.view(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.since(revision); err != nil {
		return nil, err
	}
	got, err := v.at(ctx, ref, revision, true)
	if err == nil && (got == nil || got.Deleted) {
		err = &NotFoundError{ref, revision}
	}
	return got, err
}

// at is the newest version of an object up to a revision, nil for none.
func (v *view) at(ctx context.Context, ref Ref, revision int64, object bool) (*Version, error) {
	for i := len(v.tail) - 1; i >= 0; i-- {
		if t := v.tail[i]; t.Revision <= revision && t.Ref() == ref {
			return clean(t, object), nil
		}
	}
	span := mvcc.SideSpan{Table: versionTable, From: ref.key(), To: ref.versionKey(min(revision, 1<<62) + 1)}
	page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Backward: true, Limit: 1, MaxBytes: mvcc.MaxSideData})
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return v.version(ctx, &page.Rows[0], object)
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
		if !v.tail[i].Time.After(t) {
			return v.tail[i].Revision, nil
		}
	}
	// The times of revisions ascend: of those in the archive the first that is later is looked for.
	low, high := v.From+1, v.UpTo+1
	for low < high {
		middle := low + (high-low)/2
		page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: revisionTable, From: withRevision(nil, middle), To: withRevision(nil, high)}, Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(page.Rows) == 0 || page.Rows[0].Time.After(t) {
			high = middle
			continue
		}
		_, at, err := splitRevisionKey(page.Rows[0].Key)
		if err != nil {
			return 0, err
		}
		low = at + 1
	}
	return low - 1, nil
}

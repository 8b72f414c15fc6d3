package history

import (
	"bytes"
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// view is the data that a call reads: the archive up to a revision, and the log after it.
type view struct {
	*Archive
	progress
	// newest is the revision that the call covers.
	newest int64
	// tail has the changes that are not in the archive yet, oldest first, as far as the view includes
	// them.
	tail []*change

	mu sync.Mutex
	// records are decoded records, and whole are rebuilt objects.
	records map[version]record
	whole   map[version][]byte
}

// version identifies a version.
type version struct {
	Ref
	revision int64
}

// view reads the changes that are not archived yet.
func (a *Archive) view(ctx context.Context) (*view, error) {
	return a.viewOf(ctx, 1, math.MaxInt64, func(*change) bool { return true })
}

// viewOf returns a view whose tail has the changes of a range of revisions for which wanted returns
// true.
func (a *Archive) viewOf(ctx context.Context, from, to int64, wanted func(*change) bool) (*view, error) {
	for {
		p, err := a.load(ctx)
		if err != nil {
			return nil, err
		}
		if p.From == 0 {
			// For a new database, the replica that archives begins at once.
			if a.store.Maintains() {
				err = a.advance(ctx)
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
		v := &view{Archive: a, progress: p, newest: max(now.Revision(), p.UpTo), records: map[version]record{}, whole: map[version][]byte{}}
		last := min(to, now.Revision())
		for at := max(p.UpTo, from-1); err == nil && at < last; {
			at, err = a.store.Log(ctx, at, last, 1<<20, func(c *mvcc.Commit) error {
				a.changes(c, func(c change) {
					if wanted(&c) {
						kept := c // other changes need no allocation
						v.tail = append(v.tail, &kept)
					}
				})
				return nil
			})
		}
		if errors.Is(err, mvcc.ErrCompacted) {
			// The revision was archived and pruned in the meantime, or the history is about to restart.
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

// since returns an error if the history does not include a revision.
func (v *view) since(revision int64) error {
	if revision < v.From {
		return v.gone()
	}
	if revision < v.Exact {
		return &GoneError{Oldest: v.Exact, Time: time.UnixMilli(v.ExactTime)}
	}
	return nil
}

// version returns the version of a record, with the object if it is requested.
func (v *view) version(ctx context.Context, r record, object bool) (*Version, error) {
	if !object {
		return r.Version, nil
	}
	c := *r.Version
	var err error
	if c.Object, err = v.object(ctx, r); err != nil {
		return nil, err
	}
	return clean(&c, true), nil
}

// clean removes from a version the parts that were not requested, and an object that cannot be
// decoded.
func clean(v *Version, object bool) *Version {
	if object && !v.Encrypted {
		return v
	}
	c := *v
	c.Object = nil
	return &c
}

// errMoved reports that a version's base is missing: the data is damaged, or the rows have been
// rewritten since the version was read.
var errMoved = errors.New("the base of a version is not there")

// errRemoved reports that a version has been removed since its row was read.
var errRemoved = errors.New("the version has been removed")

// object rebuilds an object. If versions are being removed at the same time, it reads the rewritten
// rows again.
func (v *view) object(ctx context.Context, r record) ([]byte, error) {
	for {
		object, err := v.fromBase(ctx, r)
		if !errors.Is(err, errMoved) {
			return object, err
		}
		v.mu.Lock()
		clear(v.whole)
		clear(v.records)
		v.mu.Unlock()
		again, err := v.find(ctx, r.Ref(), r.Revision)
		switch {
		case err != nil:
			return nil, err
		case again == nil:
			return nil, errRemoved
		case again.base == r.base:
			return nil, errDamaged
		}
		r = *again
	}
}

// fromBase rebuilds an object from the last whole version and the deltas after it.
func (v *view) fromBase(ctx context.Context, r record) ([]byte, error) {
	var deltas []record
	for r.base != 0 {
		if whole, ok := v.rebuilt(version{r.Ref(), r.Revision}); ok {
			r.body = whole
			break
		}
		deltas = append(deltas, r)
		below, err := v.find(ctx, r.Ref(), r.base)
		if err != nil {
			return nil, err
		}
		if below == nil || r.base >= r.Revision {
			return nil, errMoved
		}
		r = *below
	}
	object := r.body
	for i := len(deltas) - 1; i >= 0; i-- {
		var err error
		if object, err = patch(object, deltas[i].body); err != nil {
			return nil, err
		}
		v.mu.Lock()
		if len(v.whole) >= maxWhole {
			clear(v.whole)
		}
		v.whole[version{r.Ref(), deltas[i].Revision}] = object
		v.mu.Unlock()
	}
	return object, nil
}

func (v *view) rebuilt(of version) ([]byte, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	whole, ok := v.whole[of]
	return whole, ok
}

// maxWhole bounds the objects that a call keeps in memory to rebuild others, and maxRecords the
// records.
const (
	maxWhole   = 256
	maxRecords = 4096
)

// find returns the version that a revision wrote, nil for none.
func (v *view) find(ctx context.Context, ref Ref, revision int64) (*record, error) {
	v.mu.Lock()
	found, ok := v.records[version{ref, revision}]
	v.mu.Unlock()
	if ok {
		return &found, nil
	}
	var match *record
	err := v.below(ctx, ref, revision, func(records []record, more bool) bool {
		for i := range records {
			if records[i].Revision == revision {
				match = &records[i]
			}
		}
		return match == nil && more
	})
	return match, err
}

// below reads rows of an object that begin at or below a revision, newest first, until next returns
// false; more is true if the wanted version may be in the next row.
func (v *view) below(ctx context.Context, ref Ref, revision int64, next func(records []record, more bool) bool) error {
	span := mvcc.SideSpan{Table: versionTable, From: ref.key(), To: ref.versionKey(min(revision, 1<<62) + 1)}
	q := mvcc.SideQuery{SideSpan: span, Backward: true, Limit: 2 * overlap, MaxBytes: rowBytes}
	for starts, last := 0, []byte(nil); ; {
		page, err := v.side.Page(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			row := &page.Rows[i]
			records, err := decodeRow(ref, row.Data)
			if err != nil {
				return err
			}
			v.noteOlder(ref, records)
			if !bytes.Equal(row.Key, last) {
				starts, last = starts+1, row.Key
			}
			if !next(records, starts <= overlap) {
				return nil
			}
		}
		if !page.More || len(page.Rows) == 0 {
			return nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
	}
}

// note keeps records that are the bases of others.
func (v *view) note(ref Ref, records []record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.records) > maxRecords {
		clear(v.records)
	}
	for _, r := range records {
		v.records[version{ref, r.Revision}] = r
	}
}

// noteOlder is note for rows that are read backward: of rows with the same key, the newest comes
// first.
func (v *view) noteOlder(ref Ref, records []record) {
	fresh := make([]record, 0, len(records))
	v.mu.Lock()
	for _, r := range records {
		if _, newer := v.records[version{ref, r.Revision}]; !newer {
			fresh = append(fresh, r)
		}
	}
	v.mu.Unlock()
	v.note(ref, fresh)
}

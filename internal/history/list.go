package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// List implements Reader.
func (a *Archive) List(ctx context.Context, q Query) (Page, error) {
	from, to, err := q.bounds()
	if err != nil {
		return Page{}, err
	}
	v, err := a.viewOf(ctx, from, to, func(c *change) bool { return c.may(&q) })
	if err != nil {
		return Page{}, err
	}
	l := &lister{view: v, query: &q, from: from, to: to, page: Page{Revision: v.newest}}
	if !q.Since.IsZero() && q.Since.UnixMilli() > v.FromTime {
		// A time range is converted to a range of revisions.
		if at, err := a.RevisionAt(ctx, q.Since.Add(-1)); err == nil {
			l.from = max(l.from, at+1)
		}
	}
	parts := []func(context.Context) error{l.archived, l.fresh}
	if !q.OldestFirst {
		slices.Reverse(parts)
	}
	for _, part := range parts {
		if err := part(ctx); err != nil || l.page.Continue != "" {
			return l.page, err
		}
	}
	return l.page, nil
}

// lister fills a page.
type lister struct {
	*view
	query    *Query
	from, to int64
	page     Page
	last     *Version
}

// add adds a version, and reports false when the page is full.
func (l *lister) add(v *Version) bool {
	if len(l.page.Items) == l.query.limit() && v.Revision != l.last.Revision {
		l.page.Continue = token(l.last)
		return false
	}
	l.page.Items, l.last = append(l.page.Items, v), v
	return true
}

func (l *lister) fresh(context.Context) error {
	tail := l.tail
	if !l.query.OldestFirst {
		tail = slices.Clone(tail)
		slices.Reverse(tail)
	}
	for _, c := range tail {
		if r := c.commit.Revision; r < l.from || r > l.to {
			continue
		}
		if v := c.version(); l.query.matches(v) && !l.add(clean(v, l.query.wantsObject(v))) {
			break
		}
	}
	return nil
}

func (l *lister) archived(ctx context.Context) error {
	q := l.query
	switch {
	case q.Name != "" && q.Namespace != "" && q.Resource != Resource{}:
		return l.object(ctx, Ref{q.Resource, q.Namespace, q.Name})
	case q.UID != "":
		return l.uid(ctx)
	case q.User != "":
		return l.index(ctx, owned{userTable, string(ownerKey(q.User))})
	case q.Namespace != "":
		return l.index(ctx, owned{namespaceTable, string(ownerKey(q.Namespace))})
	}
	return l.index(ctx, owned{table: stepTable})
}

// object adds the versions of an object.
func (l *lister) object(ctx context.Context, ref Ref) error {
	return l.versionRows(ref).read(ctx, l.from, min(l.to, l.UpTo), !l.query.OldestFirst, func(r record) (bool, error) {
		l.note(ref, []record{r})
		return l.take(ctx, r)
	})
}

// take adds a version if it matches the query.
func (l *lister) take(ctx context.Context, r record) (more bool, err error) {
	if !l.query.matches(r.Version) {
		return true, nil
	}
	v, err := l.version(ctx, r, l.query.wantsObject(r.Version))
	if errors.Is(err, errRemoved) {
		return true, nil
	}
	return err == nil && l.add(v), err
}

// uid adds the versions of the objects that have a UID, almost always one.
func (l *lister) uid(ctx context.Context) error {
	refs, err := l.refsOf(ctx, l.query.UID)
	if err != nil || len(refs) == 0 {
		return err
	}
	if len(refs) == 1 {
		return l.object(ctx, refs[0])
	}
	var all []record
	for _, ref := range refs {
		err := l.versionRows(ref).read(ctx, l.from, min(l.to, l.UpTo), !l.query.OldestFirst, func(r record) (bool, error) {
			all = append(all, r)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, r := range inOrder(all, !l.query.OldestFirst) {
		if more, err := l.take(ctx, r); err != nil || !more {
			return err
		}
	}
	return nil
}

// refsOf returns the objects that have or had a UID.
func (a *Archive) refsOf(ctx context.Context, uid string) (refs []Ref, err error) {
	q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix(uidTable, ownerKey(uid))}
	for {
		page, err := a.side.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			ref, err := refOfUID(page.Rows[i].Key)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
		if !page.More || len(page.Rows) == 0 {
			return refs, nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
	}
}

// Entries are resolved lookAhead at a time, by lookers concurrent calls.
const (
	lookAhead = 64
	lookers   = 4
)

// index adds the versions of an index.
func (l *lister) index(ctx context.Context, of owned) error {
	var some []entry
	more := true
	flush := func() (err error) {
		more, err = l.resolve(ctx, some)
		some = some[:0]
		return err
	}
	err := l.entries(of).read(ctx, l.from, min(l.to, l.UpTo), !l.query.OldestFirst, func(e entry) (bool, error) {
		if !l.query.may(e) {
			return true, nil
		}
		some = append(some, e)
		if len(some) < min(lookAhead, l.query.limit()+1-len(l.page.Items)) {
			return true, nil
		}
		err := flush()
		return more, err
	})
	if err == nil && more {
		err = flush()
	}
	return err
}

// may reports whether the version of an entry may match a query.
func (q *Query) may(e entry) bool {
	return (q.Resource == Resource{} || q.Resource == e.ref.Resource) &&
		(q.Namespace == "" || q.Namespace == e.ref.Namespace) &&
		(q.Name == "" || q.Name == e.ref.Name) &&
		(q.Since.IsZero() || e.time >= q.Since.Truncate(time.Millisecond).UnixMilli()) &&
		(q.Until.IsZero() || e.time <= q.Until.UnixMilli())
}

// resolve adds the versions of entries; removed versions are skipped.
func (l *lister) resolve(ctx context.Context, entries []entry) (more bool, err error) {
	found := make([]*record, len(entries))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	// Entries of one object are mostly in one row.
	byObject := map[Ref][]int{}
	for i, e := range entries {
		byObject[e.ref] = append(byObject[e.ref], i)
	}
	for ref, of := range byObject {
		group.Go(func() (err error) {
			for _, i := range of {
				if found[i], err = l.find(inner, ref, entries[i].revision); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	for _, r := range found {
		if r == nil {
			continue
		}
		if more, err := l.take(ctx, *r); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

package history

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// splitRevisionKey reads a key of the table by revision.
func splitRevisionKey(key []byte) (Ref, int64, error) {
	if len(key) < 8 {
		return Ref{}, 0, errDamaged
	}
	ref, err := refOf(key[8:])
	return ref, int64(binary.BigEndian.Uint64(key)), err
}

// List implements Reader.
func (a *Archive) List(ctx context.Context, q Query) (Page, error) {
	from, to, err := q.bounds()
	if err != nil {
		return Page{}, err
	}
	v, err := a.view(ctx)
	if err != nil {
		return Page{}, err
	}
	l := &lister{view: v, query: &q, from: from, to: to, page: Page{Revision: v.newest}}
	if !q.Since.IsZero() && q.Since.UnixMilli() > v.FromTime {
		// The versions of a time are those of its revisions.
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

// add takes a version, and reports false when the page is full.
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
	for _, v := range tail {
		if v.Revision >= l.from && v.Revision <= l.to && l.query.matches(v) && !l.add(clean(v, l.query.Objects)) {
			break
		}
	}
	return nil
}

// plan is where a query looks: a table whose keys begin with something and end with, or then have, the revision.
func (q *Query) plan() (table string, key []byte) {
	switch {
	case q.Name != "" && q.Namespace != "" && q.Resource != Resource{}:
		return versionTable, prefix(q.Resource, q.Namespace, q.Name)
	case q.UID != "":
		return uidTable, ownerKey(q.UID)
	case q.User != "":
		return userTable, ownerKey(q.User)
	}
	return revisionTable, nil
}

// listPage is how many rows are read at a time.
const listPage = 500

func (l *lister) archived(ctx context.Context) error {
	table, key := l.query.plan()
	to := min(l.to, l.UpTo)
	if to < l.from {
		return nil
	}
	q := mvcc.SideQuery{
		SideSpan: mvcc.SideSpan{Table: table, From: withRevision(key, l.from), To: withRevision(key, to+1)},
		Backward: !l.query.OldestFirst, Limit: min(listPage, l.query.limit()+1),
	}
	for {
		page, err := l.side.Page(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			row := &page.Rows[i]
			v, err := l.read(ctx, table, row)
			if err != nil {
				return err
			}
			if v == nil || !l.query.matches(v) || l.has(v) {
				continue
			}
			if !l.add(v) {
				return nil
			}
		}
		if !page.More || len(page.Rows) == 0 {
			return nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
		q.Limit = listPage
	}
}

// has reports whether the page has a version already: two replicas may have archived it.
func (l *lister) has(v *Version) bool {
	for i := len(l.page.Items) - 1; i >= 0 && l.page.Items[i].Revision == v.Revision; i-- {
		if l.page.Items[i].Ref() == v.Ref() {
			return true
		}
	}
	return false
}

// read reads the version that a row of a table is or finds; nil where it is none of the query's, or gone.
func (l *lister) read(ctx context.Context, table string, row *mvcc.SideRow) (*Version, error) {
	var ref Ref
	var revision int64
	var err error
	switch table {
	case versionTable:
		return l.version(ctx, row, l.query.Objects)
	case revisionTable:
		ref, revision, err = splitRevisionKey(row.Key)
	default:
		if ref, err = refOf(row.Data); err == nil {
			_, revision, err = cutRevision(row.Key)
		}
	}
	if err != nil {
		return nil, err
	}
	q := l.query
	if q.Resource != (Resource{}) && q.Resource != ref.Resource || q.Namespace != "" && q.Namespace != ref.Namespace || q.Name != "" && q.Name != ref.Name {
		return nil, nil
	}
	found, _, err := l.row(ctx, ref, revision)
	if err != nil || found == nil {
		return nil, err
	}
	return l.version(ctx, found, q.Objects)
}

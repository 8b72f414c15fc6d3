package history

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// AsOf implements Reader.
func (a *Archive) AsOf(ctx context.Context, r Resource, namespace string, revision int64, limit int, cont string) (Page, error) {
	return a.objects(ctx, &Query{Resource: r, Namespace: namespace, To: revision, Limit: limit, Continue: cont, Objects: true}, func(v *Version) bool { return !v.Deleted })
}

// Deleted implements Reader. The query names a resource; its versions are the last ones of objects that are gone.
func (a *Archive) Deleted(ctx context.Context, q Query) (Page, error) {
	q.To = 0
	return a.objects(ctx, &q, func(v *Version) bool { return v.Deleted && q.matches(v) })
}

// objects returns the newest version up to q.To of each object of a resource that is wanted, by namespace and name.
func (a *Archive) objects(ctx context.Context, q *Query, wanted func(*Version) bool) (Page, error) {
	v, err := a.view(ctx)
	if err != nil {
		return Page{}, err
	}
	revision := q.To
	if revision == 0 {
		revision = v.newest
	}
	if err := v.since(revision); err != nil {
		return Page{}, err
	}
	span := mvcc.SidePrefix(versionTable, prefix(q.Resource, q.Namespace, ""))
	after, err := base64.RawURLEncoding.DecodeString(q.Continue)
	if err != nil {
		return Page{}, ErrContinue
	}
	if len(after) > 0 {
		if !bytes.HasPrefix(after, span.From) {
			return Page{}, ErrContinue
		}
		span.From = beyond(after)
	}
	fresh := v.fresh(q, span.From, revision)
	page := Page{Revision: revision}
	var last []byte
	for {
		// The next object is the first of the archive's and the tail's.
		key, err := v.next(ctx, span)
		if err != nil {
			return page, err
		}
		if len(fresh) > 0 && (key == nil || bytes.Compare(fresh[0], key) <= 0) {
			key = fresh[0]
		}
		if key == nil {
			return page, nil
		}
		for len(fresh) > 0 && bytes.Equal(fresh[0], key) {
			fresh = fresh[1:]
		}
		span.From = beyond(key)
		ref, err := refOf(key)
		if err != nil {
			return page, err
		}
		found, err := v.at(ctx, ref, revision, q.Objects)
		if err != nil {
			return page, err
		}
		if found == nil || !wanted(found) {
			continue
		}
		if len(page.Items) == q.limit() {
			page.Continue = base64.RawURLEncoding.EncodeToString(last)
			return page, nil
		}
		page.Items, last = append(page.Items, found), key
	}
}

// beyond is the first key behind those of an object, whose keys end with \x00 and a revision.
func beyond(object []byte) []byte {
	key := bytes.Clone(object)
	key[len(key)-1] = 1
	return key
}

// fresh are the keys of objects in the tail from one on, in order.
func (v *view) fresh(q *Query, from []byte, revision int64) (keys [][]byte) {
	for _, t := range v.tail {
		key := t.Ref().key()
		if t.Revision <= revision && t.Resource == q.Resource && (q.Namespace == "" || q.Namespace == t.Namespace) && bytes.Compare(key, from) >= 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// next is the key of the first object of a span, nil for none.
func (v *view) next(ctx context.Context, span mvcc.SideSpan) ([]byte, error) {
	page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Limit: 1, MaxBytes: 1})
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	key, _, err := cutRevision(page.Rows[0].Key)
	return key, err
}

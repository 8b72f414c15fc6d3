package history

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"

	"golang.org/x/sync/errgroup"

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
	names := &objectNames{view: v, span: span, fresh: v.fresh(q, span.From, revision)}
	page := Page{Revision: revision}
	var last []byte
	for {
		keys, err := names.some(ctx, min(lookAhead, q.limit()+1-len(page.Items)))
		if err != nil || len(keys) == 0 {
			return page, err
		}
		found, err := v.atAll(ctx, keys, revision, q.Objects)
		if err != nil {
			return page, err
		}
		for i, one := range found {
			if one == nil || !wanted(one) {
				continue
			}
			if len(page.Items) == q.limit() {
				page.Continue = base64.RawURLEncoding.EncodeToString(last)
				return page, nil
			}
			page.Items, last = append(page.Items, one), keys[i]
		}
	}
}

// atAll is at for objects by their keys.
func (v *view) atAll(ctx context.Context, keys [][]byte, revision int64, object bool) ([]*Version, error) {
	found := make([]*Version, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, key := range keys {
		ref, err := refOf(key)
		if err != nil {
			return nil, err
		}
		group.Go(func() (err error) {
			found[i], err = v.at(ctx, ref, revision, object)
			return err
		})
	}
	return found, group.Wait()
}

// objectNames are the keys of objects of the archive and the tail, in order.
type objectNames struct {
	*view
	span  mvcc.SideSpan
	fresh [][]byte
}

// some returns the next keys, n at most, none at the end.
func (o *objectNames) some(ctx context.Context, n int) (keys [][]byte, err error) {
	for len(keys) < n {
		key, err := o.next(ctx, o.span)
		if err != nil {
			return nil, err
		}
		if len(o.fresh) > 0 && (key == nil || bytes.Compare(o.fresh[0], key) <= 0) {
			key = o.fresh[0]
		}
		if key == nil {
			break
		}
		for len(o.fresh) > 0 && bytes.Equal(o.fresh[0], key) {
			o.fresh = o.fresh[1:]
		}
		o.span.From = beyond(key)
		keys = append(keys, key)
	}
	return keys, nil
}

// Beyond is the continue token of the lists of objects whose page ends with one, for those who leave out what a page has beyond it.
func Beyond(ref Ref) string { return base64.RawURLEncoding.EncodeToString(ref.key()) }

// beyond is the first key behind those of an object, whose keys end with \x00 and a revision.
func beyond(object []byte) []byte {
	key := bytes.Clone(object)
	key[len(key)-1] = 1
	return key
}

// fresh are the keys of objects in the tail from one on, in order.
func (v *view) fresh(q *Query, from []byte, revision int64) (keys [][]byte) {
	for _, t := range v.tail {
		key := t.ref.key()
		if t.commit.Revision <= revision && t.ref.Resource == q.Resource && (q.Namespace == "" || q.Namespace == t.ref.Namespace) && bytes.Compare(key, from) >= 0 {
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

package history

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// AsOf implements Reader.
func (a *Archive) AsOf(ctx context.Context, r Resource, namespace string, revision int64, limit int, cont string) (Page, error) {
	return a.objects(ctx, &Query{Resource: r, Namespace: namespace, To: revision, Limit: limit, Continue: cont, Objects: true}, func(v *Version) bool { return !v.Deleted })
}

// Deleted implements Reader. The query names a resource; the result has the last versions of its
// deleted objects.
func (a *Archive) Deleted(ctx context.Context, q Query) (Page, error) {
	q.To = 0
	return a.objects(ctx, &q, func(v *Version) bool { return v.Deleted && q.matches(v) })
}

// objects returns the newest version up to q.To of each object of a resource for which wanted
// returns true, by namespace and name.
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
	all := newScan(v, span, revision, q.limit(), v.fresh(q, span.From, revision))
	defer all.close()
	page := Page{Revision: revision}
	var last []byte
	for {
		some, err := all.some(ctx, min(lookAhead, q.limit()+1-len(page.Items)))
		if err != nil || len(some) == 0 {
			return page, err
		}
		found, err := v.chosen(ctx, some, revision, q, wanted)
		if err != nil {
			return page, err
		}
		for i, one := range found {
			if one == nil {
				continue
			}
			if len(page.Items) == q.limit() {
				page.Continue = base64.RawURLEncoding.EncodeToString(last)
				return page, nil
			}
			page.Items, last = append(page.Items, one), some[i].key
		}
	}
}

// chosen returns the versions of objects at a revision, nil for those that the query excludes.
func (v *view) chosen(ctx context.Context, some []*scanned, revision int64, q *Query, wanted func(*Version) bool) ([]*Version, error) {
	found := make([]*Version, len(some))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, o := range some {
		group.Go(func() error {
			if o.change != nil {
				if one := o.change.version(); wanted(one) {
					found[i] = clean(one, q.Objects)
				}
				return nil
			}
			newest, err := v.newestOf(ctx, o, revision)
			if err != nil || newest == nil || !wanted(newest.Version) {
				return err
			}
			one := *newest.Version
			if q.Objects {
				one.Object, err = v.rebuild(ctx, o, *newest)
				if errors.Is(err, errRemoved) {
					return nil
				}
				if err != nil {
					return err
				}
			}
			found[i] = clean(&one, q.Objects)
			return nil
		})
	}
	return found, group.Wait()
}

// Beyond returns the continue token for a list of objects whose page ends with the given object,
// for callers that drop the rest of a page.
func Beyond(ref Ref) string { return base64.RawURLEncoding.EncodeToString(ref.key()) }

// beyond returns the first key after the keys of an object, which end with \x00 and a revision.
func beyond(object []byte) []byte {
	key := bytes.Clone(object)
	key[len(key)-1] = 1
	return key
}

// fresh returns the newest changes up to a revision of the objects in the tail, from a key on, by
// their keys.
func (v *view) fresh(q *Query, from []byte, revision int64) (all []*scanned) {
	newest := map[Ref]*scanned{}
	for _, c := range v.tail {
		if c.commit.Revision > revision || c.ref.Resource != q.Resource || q.Namespace != "" && q.Namespace != c.ref.Namespace {
			continue
		}
		o := newest[c.ref]
		if o == nil {
			o = &scanned{ref: c.ref, key: c.ref.key()}
			newest[c.ref] = o
			if bytes.Compare(o.key, from) >= 0 {
				all = append(all, o)
			}
		}
		o.change = c
	}
	slices.SortFunc(all, func(a, b *scanned) int { return bytes.Compare(a.key, b.key) })
	return all
}

// next returns the key of the first object of a span, nil for none.
func (v *view) next(ctx context.Context, span mvcc.SideSpan) ([]byte, error) {
	page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: span, Limit: 1, MaxBytes: 1})
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	key, _, err := cutRevision(page.Rows[0].Key)
	return key, err
}

package history

import (
	"context"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// beginPage is how many keys are read at a time when the history begins.
const beginPage = 500

// begin adds all live objects that the archive lacks to it, in the order of revisions, and starts
// the history after that. After an interruption it continues.
func (a *Archive) begin(ctx context.Context) error {
	snapshot, err := a.store.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	p := *a.known.Load()
	if p.From > 0 || p.Begins == 0 {
		p.Begins, p.From = p.Begins+1, 0
	}
	type live struct {
		ref Ref
		mvcc.KeyValue
	}
	var all []live
	span := mvcc.Span{Key: []byte{0}, End: []byte{0}}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := snapshot.Range(&mvcc.Range{Span: span, Limit: beginPage})
		for _, kv := range part.KVs {
			if ref, ok := a.wanted(kv.Key); ok && kv.ModRevision > p.UpTo {
				all = append(all, live{ref, *a.readable(ref, kv)})
			}
		}
		if more = part.More; more {
			span.Key = append(slices.Clone(part.KVs[len(part.KVs)-1].Key), 0)
		}
	}
	slices.SortFunc(all, func(x, y live) int { return int(x.ModRevision - y.ModRevision) })
	now := time.Now().Truncate(time.Millisecond)
	s := a.newStep(p)
	for _, kv := range all {
		if s.full() && kv.ModRevision > s.UpTo {
			rows, err := s.rows()
			if err != nil {
				return err
			}
			if err := a.save(ctx, &s.progress, rows); err != nil {
				return err
			}
			s = a.newStep(s.progress)
		}
		v := &Version{
			Resource: kv.ref.Resource, Namespace: kv.ref.Namespace, Name: kv.ref.Name, Verb: VerbSeed, Time: now,
			Revision: kv.ModRevision, CreateRevision: kv.CreateRevision, Object: kv.Value,
		}
		v.describe(nil)
		of := &series{}
		s.order = append(s.order, of)
		s.add(of, record{Version: v, body: v.Object}, true)
		s.UpTo = kv.ModRevision
	}
	s.UpTo = snapshot.Revision()
	rows, err := s.rows()
	if err != nil {
		return err
	}
	s.From, s.FromTime = snapshot.Revision(), now.UnixMilli()
	return a.save(ctx, &s.progress, rows)
}

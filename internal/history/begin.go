package history

import (
	"context"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// beginPage is how many keys are read at a time when the history begins.
const beginPage = 200

// begin puts what there is into the archive, and lets the history begin with it. If it is cut off it begins again,
// and leaves out what it has put there before.
func (a *Archive) begin(ctx context.Context) error {
	snapshot, err := a.store.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Millisecond)
	p := progress{From: snapshot.Revision(), FromTime: now.UnixMilli(), UpTo: snapshot.Revision()}
	span := mvcc.Span{Key: []byte{0}, End: []byte{0}}
	for {
		part := snapshot.Range(&mvcc.Range{Span: span, Limit: beginPage})
		var rows []mvcc.SideRow
		size := 0
		for _, kv := range part.KVs {
			ref, ok := a.wanted(kv.Key)
			if !ok {
				continue
			}
			if have, err := a.side.Count(ctx, mvcc.SideKey(versionTable, ref.versionKey(kv.ModRevision))); err != nil || have > 0 {
				if err != nil {
					return err
				}
				continue
			}
			v := &Version{
				Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name, Verb: VerbSeed, Time: now,
				Revision: kv.ModRevision, CreateRevision: kv.CreateRevision, Object: kv.Value,
			}
			v.describe(&meta{})
			r := recordOf(v)
			r.body = v.Object
			data, err := r.encode()
			if err != nil {
				return err
			}
			if size += len(data); size > mvcc.MaxSideData/2 {
				if _, err := a.side.Append(ctx, rows...); err != nil {
					return err
				}
				rows, size = nil, len(data)
			}
			rows = append(rows, v.index(data)...)
		}
		if !part.More {
			return a.save(ctx, p, rows)
		}
		if len(rows) > 0 {
			if _, err := a.side.Append(ctx, rows...); err != nil {
				return err
			}
		}
		last := part.KVs[len(part.KVs)-1].Key
		span.Key = append(append([]byte{}, last...), 0)
	}
}

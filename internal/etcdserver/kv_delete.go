package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// DeleteRange removes the keys of a span. Nothing to remove takes no revision.
func (k *kvService) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest) (_ *pb.DeleteRangeResponse, err error) {
	ctx, call := k.s.begin(ctx, methodDeleteRange)
	defer call.done(&err)
	if err := checkDelete(r); err != nil {
		return nil, err
	}
	if err := k.s.checkSize(ctx, r); err != nil {
		return nil, err
	}
	res, err := k.s.store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{toDelete(r)}}, ActorFrom(ctx))
	if err != nil {
		return nil, k.s.toStatus(err)
	}
	out := &pb.DeleteRangeResponse{Header: header(res.Revision)}
	if del, ok := res.Results[0].(*mvcc.DeleteResult); ok {
		out.Deleted = del.Deleted
		out.PrevKvs = toKVs(del.Prev)
	}
	return out, nil
}

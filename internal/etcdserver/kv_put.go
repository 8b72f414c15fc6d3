package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Put writes one key.
func (k *kvService) Put(ctx context.Context, r *pb.PutRequest) (_ *pb.PutResponse, err error) {
	ctx, call := k.s.begin(ctx, methodPut)
	defer call.done(&err)
	if err := checkPut(r); err != nil {
		return nil, err
	}
	if err := k.s.checkSize(ctx, r); err != nil {
		return nil, err
	}
	res, err := k.s.store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{toPut(r)}}, ActorFrom(ctx))
	if err != nil {
		return nil, k.s.toStatus(err)
	}
	out := &pb.PutResponse{Header: header(res.Revision)}
	if put, ok := res.Results[0].(*mvcc.PutResult); ok {
		out.PrevKv = toKV(put.Prev)
	}
	return out, nil
}

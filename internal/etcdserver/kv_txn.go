package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Txn runs one of two lists of operations, at one revision.
func (k *kvService) Txn(ctx context.Context, r *pb.TxnRequest) (_ *pb.TxnResponse, err error) {
	ctx, call := k.s.begin(ctx, methodTxn)
	defer call.done(&err)
	if err := checkTxn(r, k.s.opts.MaxTxnOps); err != nil {
		return nil, err
	}
	if err := checkOverlaps(r); err != nil {
		return nil, err
	}
	if err := k.s.checkSize(ctx, r); err != nil {
		return nil, err
	}
	res, err := k.s.store.Txn(ctx, toTxn(r), ActorFrom(ctx))
	if err != nil {
		return nil, k.s.toStatus(err)
	}
	return fromTxn(res), nil
}

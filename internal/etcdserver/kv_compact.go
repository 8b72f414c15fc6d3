package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Compact gives up the revisions below the one named. With Physical it returns
// once their rows are gone too.
func (k *kvService) Compact(ctx context.Context, r *pb.CompactionRequest) (_ *pb.CompactionResponse, err error) {
	ctx, call := k.s.begin(ctx, methodCompact)
	defer call.done(&err)
	if err := k.s.store.Compact(ctx, r.GetRevision(), r.GetPhysical()); err != nil {
		return nil, k.s.toStatus(err)
	}
	return &pb.CompactionResponse{Header: header(k.s.store.Revision())}, nil
}

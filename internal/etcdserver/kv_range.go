package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Range reads keys, at the newest revision or an older one.
func (k *kvService) Range(ctx context.Context, r *pb.RangeRequest) (_ *pb.RangeResponse, err error) {
	ctx, call := k.s.begin(ctx, methodRange)
	defer call.done(&err)
	if err := checkRange(r); err != nil {
		return nil, err
	}
	res, err := k.s.store.Range(ctx, toRange(r))
	if err != nil {
		return nil, k.s.toStatus(err)
	}
	if len(r.GetRangeEnd()) == 0 && r.GetRevision() <= 0 {
		k.s.nudges.read(r.GetKey(), res.Revision)
	}
	return fromRange(res, header(res.Revision)), nil
}

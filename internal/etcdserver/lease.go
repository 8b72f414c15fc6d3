package etcdserver

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

type leaseService struct {
	pb.UnsafeLeaseServer
	s *Server
}

// LeaseGrant creates a lease; ID 0 lets the store choose. A TTL below the least
// one allowed is raised to it, and the answer says so.
func (l *leaseService) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (_ *pb.LeaseGrantResponse, err error) {
	ctx, call := l.s.begin(ctx, methodLeaseGrant)
	defer call.done(&err)
	ttl := max(r.GetTTL(), l.s.opts.MinLeaseTTL)
	lease, err := l.s.store.LeaseGrant(ctx, mvcc.LeaseID(r.GetID()), ttl)
	if err != nil {
		return nil, l.s.toStatus(err)
	}
	return &pb.LeaseGrantResponse{Header: header(l.s.store.Revision()), ID: int64(lease.ID), TTL: lease.TTL}, nil
}

// LeaseRevoke ends a lease and deletes its keys, at one revision.
func (l *leaseService) LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest) (_ *pb.LeaseRevokeResponse, err error) {
	ctx, call := l.s.begin(ctx, methodLeaseRevoke)
	defer call.done(&err)
	revision, err := l.s.store.LeaseRevoke(ctx, mvcc.LeaseID(r.GetID()), ActorFrom(ctx))
	if err != nil {
		return nil, l.s.toStatus(err)
	}
	return &pb.LeaseRevokeResponse{Header: header(revision)}, nil
}

// LeaseTimeToLive tells the whole seconds left; -1 if there is no such lease.
func (l *leaseService) LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest) (_ *pb.LeaseTimeToLiveResponse, err error) {
	ctx, call := l.s.begin(ctx, methodLeaseTimeToLive)
	defer call.done(&err)
	revision, err := l.s.store.Current(ctx)
	if err != nil {
		return nil, l.s.toStatus(err)
	}
	out := &pb.LeaseTimeToLiveResponse{Header: header(revision), ID: r.GetID()}
	lease, err := l.s.store.Lease(mvcc.LeaseID(r.GetID()), r.GetKeys())
	if errors.Is(err, mvcc.ErrLeaseNotFound) {
		out.TTL = -1
		return out, nil
	}
	if err != nil {
		return nil, l.s.toStatus(err)
	}
	out.TTL = secondsLeft(lease, l.s.store.Now())
	out.GrantedTTL = lease.TTL
	out.Keys = lease.Keys
	return out, nil
}

// LeaseLeases lists the ids of all leases.
func (l *leaseService) LeaseLeases(ctx context.Context, _ *pb.LeaseLeasesRequest) (_ *pb.LeaseLeasesResponse, err error) {
	ctx, call := l.s.begin(ctx, methodLeaseLeases)
	defer call.done(&err)
	revision, err := l.s.store.Current(ctx)
	if err != nil {
		return nil, l.s.toStatus(err)
	}
	ids := l.s.store.Leases()
	out := &pb.LeaseLeasesResponse{
		Header: header(revision),
		Leases: make([]*pb.LeaseStatus, len(ids)),
	}
	for i, id := range ids {
		out.Leases[i] = &pb.LeaseStatus{ID: int64(id)}
	}
	return out, nil
}

func secondsLeft(l mvcc.Lease, now time.Time) int64 {
	return max(int64(l.Deadline.Sub(now)/time.Second), 0)
}

package etcdserver

import (
	"errors"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// LeaseKeepAlive renews the leases that the client names, one answer for each;
// TTL 0 says that there is no such lease.
func (l *leaseService) LeaseKeepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	ended := make(chan error, 1)
	if !l.s.Go(func() { ended <- l.keepAlive(stream) }) {
		return rpctypes.ErrGRPCStopped
	}
	select {
	case err := <-ended:
		return err
	case <-stream.Context().Done():
		return stream.Context().Err()
	case <-l.s.stopping:
		// Returning makes Recv fail, which ends the goroutine.
		return rpctypes.ErrGRPCStopped
	}
}

func (l *leaseService) keepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// The header is older than the renewal: a client must never see a
		// lease alive at a revision at which it had been revoked.
		out := &pb.LeaseKeepAliveResponse{Header: header(l.s.store.Revision()), ID: req.GetID()}
		lease, err := l.s.store.LeaseKeepAlive(stream.Context(), mvcc.LeaseID(req.GetID()))
		l.s.count(methodLeaseKeepAlive, l.s.toStatus(err))
		if err != nil && !errors.Is(err, mvcc.ErrLeaseNotFound) {
			return l.s.toStatus(err)
		}
		if err == nil {
			out.TTL = lease.TTL
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

package direct

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// lease is pb.LeaseClient on the server's Lease service.
type lease struct{ srv *etcdserver.Server }

func (c lease) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest, _ ...grpc.CallOption) (*pb.LeaseGrantResponse, error) {
	return call(ctx, c.srv.Lease().LeaseGrant, r)
}

func (c lease) LeaseRevoke(ctx context.Context, r *pb.LeaseRevokeRequest, _ ...grpc.CallOption) (*pb.LeaseRevokeResponse, error) {
	return call(ctx, c.srv.Lease().LeaseRevoke, r)
}

func (c lease) LeaseTimeToLive(ctx context.Context, r *pb.LeaseTimeToLiveRequest, _ ...grpc.CallOption) (*pb.LeaseTimeToLiveResponse, error) {
	return call(ctx, c.srv.Lease().LeaseTimeToLive, r)
}

func (c lease) LeaseLeases(ctx context.Context, r *pb.LeaseLeasesRequest, _ ...grpc.CallOption) (*pb.LeaseLeasesResponse, error) {
	return call(ctx, c.srv.Lease().LeaseLeases, r)
}

func (c lease) LeaseKeepAlive(ctx context.Context, _ ...grpc.CallOption) (pb.Lease_LeaseKeepAliveClient, error) {
	return openPipe[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse](ctx, c.srv, func(s *serverSide[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse]) error {
		return c.srv.Lease().LeaseKeepAlive(s)
	})
}

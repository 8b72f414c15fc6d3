package direct

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// cluster is pb.ClusterClient on the server's Cluster service.
type cluster struct{ srv *etcdserver.Server }

func (c cluster) MemberList(ctx context.Context, r *pb.MemberListRequest, _ ...grpc.CallOption) (*pb.MemberListResponse, error) {
	return call(ctx, c.srv.Cluster().MemberList, r)
}

func (c cluster) MemberAdd(ctx context.Context, r *pb.MemberAddRequest, _ ...grpc.CallOption) (*pb.MemberAddResponse, error) {
	return call(ctx, c.srv.Cluster().MemberAdd, r)
}

func (c cluster) MemberRemove(ctx context.Context, r *pb.MemberRemoveRequest, _ ...grpc.CallOption) (*pb.MemberRemoveResponse, error) {
	return call(ctx, c.srv.Cluster().MemberRemove, r)
}

func (c cluster) MemberUpdate(ctx context.Context, r *pb.MemberUpdateRequest, _ ...grpc.CallOption) (*pb.MemberUpdateResponse, error) {
	return call(ctx, c.srv.Cluster().MemberUpdate, r)
}

func (c cluster) MemberPromote(ctx context.Context, r *pb.MemberPromoteRequest, _ ...grpc.CallOption) (*pb.MemberPromoteResponse, error) {
	return call(ctx, c.srv.Cluster().MemberPromote, r)
}

package direct

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// maintenance is pb.MaintenanceClient on the server's Maintenance service.
type maintenance struct{ srv *etcdserver.Server }

func (c maintenance) Alarm(ctx context.Context, r *pb.AlarmRequest, _ ...grpc.CallOption) (*pb.AlarmResponse, error) {
	return call(ctx, c.srv.Maintenance().Alarm, r)
}

func (c maintenance) Status(ctx context.Context, r *pb.StatusRequest, _ ...grpc.CallOption) (*pb.StatusResponse, error) {
	return call(ctx, c.srv.Maintenance().Status, r)
}

func (c maintenance) Defragment(ctx context.Context, r *pb.DefragmentRequest, _ ...grpc.CallOption) (*pb.DefragmentResponse, error) {
	return call(ctx, c.srv.Maintenance().Defragment, r)
}

func (c maintenance) Hash(ctx context.Context, r *pb.HashRequest, _ ...grpc.CallOption) (*pb.HashResponse, error) {
	return call(ctx, c.srv.Maintenance().Hash, r)
}

func (c maintenance) HashKV(ctx context.Context, r *pb.HashKVRequest, _ ...grpc.CallOption) (*pb.HashKVResponse, error) {
	return call(ctx, c.srv.Maintenance().HashKV, r)
}

// Snapshot fails at once: the service sends nothing before its refusal.
func (c maintenance) Snapshot(_ context.Context, r *pb.SnapshotRequest, _ ...grpc.CallOption) (pb.Maintenance_SnapshotClient, error) {
	return nil, c.srv.Maintenance().Snapshot(r, nil)
}

func (c maintenance) MoveLeader(ctx context.Context, r *pb.MoveLeaderRequest, _ ...grpc.CallOption) (*pb.MoveLeaderResponse, error) {
	return call(ctx, c.srv.Maintenance().MoveLeader, r)
}

func (c maintenance) Downgrade(ctx context.Context, r *pb.DowngradeRequest, _ ...grpc.CallOption) (*pb.DowngradeResponse, error) {
	return call(ctx, c.srv.Maintenance().Downgrade, r)
}

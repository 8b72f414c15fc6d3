package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/version"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type maintenanceService struct {
	pb.UnsafeMaintenanceServer
	s *Server
}

// Status says which etcd this endpoint stands for: clients decide by the version
// which requests they may send. The log's revision stands for raft's index.
func (m *maintenanceService) Status(ctx context.Context, _ *pb.StatusRequest) (_ *pb.StatusResponse, err error) {
	ctx, call := m.s.begin(ctx, methodStatus)
	defer call.done(&err)
	revision := m.s.store.Revision()
	out := &pb.StatusResponse{
		Header:           header(revision),
		Version:          version.Version,
		StorageVersion:   version.V3_7.String(),
		Leader:           memberID,
		RaftTerm:         raftTerm,
		RaftIndex:        uint64(revision),
		RaftAppliedIndex: uint64(revision),
	}
	size, err := m.s.store.Size(ctx)
	if err != nil {
		// Still an answer: who asks may only want the version.
		out.Errors = append(out.Errors, "size of the database: "+err.Error())
	}
	out.DbSize, out.DbSizeInUse = size.Total, size.Total
	return out, nil
}

// Alarm has no alarms to list or to clear.
func (m *maintenanceService) Alarm(_ context.Context, r *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	if r.GetAction() == pb.AlarmRequest_ACTIVATE {
		return nil, status.Error(codes.Unimplemented, "ark-server: alarms cannot be raised by hand")
	}
	return &pb.AlarmResponse{Header: header(m.s.store.Revision())}, nil
}

// Defragment has nothing to do: the database reuses the space that compaction
// frees.
func (m *maintenanceService) Defragment(context.Context, *pb.DefragmentRequest) (*pb.DefragmentResponse, error) {
	return &pb.DefragmentResponse{Header: header(m.s.store.Revision())}, nil
}

func (m *maintenanceService) Hash(context.Context, *pb.HashRequest) (*pb.HashResponse, error) {
	return nil, status.Error(codes.Unimplemented, "ark-server: Hash compares the files of etcd's members; there is only one member here and no such file")
}

func (m *maintenanceService) HashKV(context.Context, *pb.HashKVRequest) (*pb.HashKVResponse, error) {
	return nil, status.Error(codes.Unimplemented, "ark-server: HashKV compares etcd's members; there is only one member here")
}

func (m *maintenanceService) Snapshot(*pb.SnapshotRequest, pb.Maintenance_SnapshotServer) error {
	return status.Error(codes.Unimplemented, "ark-server: there is no etcd snapshot of this database; back up the database itself")
}

func (m *maintenanceService) MoveLeader(context.Context, *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	return nil, status.Error(codes.Unimplemented, "ark-server: the only member is always the leader")
}

func (m *maintenanceService) Downgrade(context.Context, *pb.DowngradeRequest) (*pb.DowngradeResponse, error) {
	return nil, status.Error(codes.Unimplemented, "ark-server: there is no etcd to downgrade; install another release of ark-server")
}

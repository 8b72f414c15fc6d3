package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type clusterService struct {
	pb.UnsafeClusterServer
	s *Server
}

// MemberList names the one member, reachable at the addresses being served.
func (c *clusterService) MemberList(context.Context, *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	return &pb.MemberListResponse{
		Header: header(c.s.store.Revision()),
		Members: []*pb.Member{{
			ID:         memberID,
			Name:       c.s.opts.Name,
			ClientURLs: c.s.clientURLs(),
		}},
	}, nil
}

// errMembers answers every attempt to change the membership.
var errMembers = status.Error(codes.Unimplemented, "ark-server: this endpoint has exactly one member; it cannot be changed")

func (c *clusterService) MemberAdd(context.Context, *pb.MemberAddRequest) (*pb.MemberAddResponse, error) {
	return nil, errMembers
}

func (c *clusterService) MemberRemove(context.Context, *pb.MemberRemoveRequest) (*pb.MemberRemoveResponse, error) {
	return nil, errMembers
}

func (c *clusterService) MemberUpdate(context.Context, *pb.MemberUpdateRequest) (*pb.MemberUpdateResponse, error) {
	return nil, errMembers
}

func (c *clusterService) MemberPromote(context.Context, *pb.MemberPromoteRequest) (*pb.MemberPromoteResponse, error) {
	return nil, errMembers
}

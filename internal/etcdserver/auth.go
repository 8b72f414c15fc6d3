package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// authService says that etcd's users and roles are switched off; everything
// else in it is Unimplemented. Who may connect is decided by the listener.
type authService struct {
	pb.UnimplementedAuthServer
	s *Server
}

func (a authService) AuthStatus(context.Context, *pb.AuthStatusRequest) (*pb.AuthStatusResponse, error) {
	return &pb.AuthStatusResponse{Header: header(a.s.store.Revision())}, nil
}

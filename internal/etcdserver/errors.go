package etcdserver

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// storeErrors pairs the store's errors with etcd's. Clients tell etcd's errors
// apart by their exact text.
var storeErrors = [...]struct{ store, etcd error }{
	{mvcc.ErrCompacted, rpctypes.ErrGRPCCompacted},
	{mvcc.ErrFutureRevision, rpctypes.ErrGRPCFutureRev},
	{mvcc.ErrLeaseNotFound, rpctypes.ErrGRPCLeaseNotFound},
	{mvcc.ErrLeaseExists, rpctypes.ErrGRPCLeaseExist},
	{mvcc.ErrLeaseTTL, rpctypes.ErrGRPCLeaseTTLTooLarge},
	{mvcc.ErrKeyNotFound, rpctypes.ErrGRPCKeyNotFound},
	{mvcc.ErrNoSpace, rpctypes.ErrGRPCNoSpace},
	// etcd says "timed out" of a write that may or may not have happened.
	{mvcc.ErrUnknownOutcome, rpctypes.ErrGRPCTimeout},
	{mvcc.ErrClosed, rpctypes.ErrGRPCStopped},
}

// toStatus turns an error of the store into what a client gets.
func (s *Server) toStatus(err error) error { return toStatus(err, s.explained) }

// explained returns an error with what to do about it.
func (s *Server) explained(err error) error {
	if s.opts.Explain == nil {
		return err
	}
	return s.opts.Explain(err)
}

func toStatus(err error, explain func(error) error) error {
	if err == nil {
		return nil
	}
	switch {
	// First, as over a wire: whoever gave up on a write hears that it did, also
	// where the outcome is unknown.
	case errors.Is(err, context.Canceled):
		return rpctypes.ErrGRPCCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return rpctypes.ErrGRPCDeadlineExceeded
	}
	for _, e := range storeErrors {
		if errors.Is(err, e.store) {
			return e.etcd
		}
	}
	if errors.Is(err, mvcc.ErrTooManyChanges) {
		return status.Error(codes.InvalidArgument, "etcdserver: "+err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	// The storage failed, and nothing was written.
	if explain != nil {
		err = explain(err)
	}
	return status.Error(codes.Unavailable, "etcdserver: "+err.Error())
}

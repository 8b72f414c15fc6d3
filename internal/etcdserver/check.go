package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The checks that need no data. They run before the store sees a request, and
// give the errors that etcd gives, in its order.

func checkRange(r *pb.RangeRequest) error {
	if len(r.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if _, ok := pb.RangeRequest_SortOrder_name[int32(r.GetSortOrder())]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	if _, ok := pb.RangeRequest_SortTarget_name[int32(r.GetSortTarget())]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	return nil
}

func checkRangeStream(r *pb.RangeRequest) error {
	if err := checkRange(r); err != nil {
		return err
	}
	if r.GetSortOrder() != pb.RangeRequest_NONE &&
		(r.GetSortOrder() != pb.RangeRequest_ASCEND || r.GetSortTarget() != pb.RangeRequest_KEY) {
		return status.Error(codes.Unimplemented, "RangeStream streams in key order only: use Range for another order")
	}
	if r.GetMinModRevision() != 0 || r.GetMaxModRevision() != 0 ||
		r.GetMinCreateRevision() != 0 || r.GetMaxCreateRevision() != 0 {
		return status.Error(codes.Unimplemented, "RangeStream does not filter by revision: use Range")
	}
	return nil
}

func checkPut(r *pb.PutRequest) error {
	switch {
	case len(r.GetKey()) == 0:
		return rpctypes.ErrGRPCEmptyKey
	case r.GetIgnoreValue() && len(r.GetValue()) != 0:
		return rpctypes.ErrGRPCValueProvided
	case r.GetIgnoreLease() && r.GetLease() != 0:
		return rpctypes.ErrGRPCLeaseProvided
	}
	return nil
}

func checkDelete(r *pb.DeleteRangeRequest) error {
	if len(r.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	return nil
}

// checkTxn checks a transaction that may use maxOps more operations on each of
// its levels. A level takes as many as its longest list, which also bounds the
// depth of nesting.
func checkTxn(r *pb.TxnRequest, maxOps int) error {
	used := max(len(r.GetCompare()), len(r.GetSuccess()), len(r.GetFailure()))
	if used > maxOps {
		return rpctypes.ErrGRPCTooManyOps
	}
	for _, c := range r.GetCompare() {
		if err := checkCompare(c); err != nil {
			return err
		}
	}
	for _, ops := range [...][]*pb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		for _, op := range ops {
			if err := checkOp(op, maxOps-used); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCompare is stricter than etcd in one point: it refuses relations and
// targets that do not exist, where etcd lets them hold.
func checkCompare(c *pb.Compare) error {
	if len(c.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if _, ok := pb.Compare_CompareResult_name[int32(c.GetResult())]; !ok {
		return status.Errorf(codes.InvalidArgument, "etcdserver: unknown compare result %d", c.GetResult())
	}
	if _, ok := pb.Compare_CompareTarget_name[int32(c.GetTarget())]; !ok {
		return status.Errorf(codes.InvalidArgument, "etcdserver: unknown compare target %d", c.GetTarget())
	}
	return nil
}

func checkOp(op *pb.RequestOp, maxOps int) error {
	switch r := op.GetRequest().(type) {
	case *pb.RequestOp_RequestRange:
		return checkRange(r.RequestRange)
	case *pb.RequestOp_RequestPut:
		return checkPut(r.RequestPut)
	case *pb.RequestOp_RequestDeleteRange:
		return checkDelete(r.RequestDeleteRange)
	case *pb.RequestOp_RequestTxn:
		return checkTxn(r.RequestTxn, maxOps)
	}
	return rpctypes.ErrGRPCKeyNotFound // as etcd answers an empty operation
}

package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// toTxn converts a transaction that checkTxn accepted.
func toTxn(r *pb.TxnRequest) *mvcc.Txn {
	t := &mvcc.Txn{Then: toOps(r.GetSuccess()), Else: toOps(r.GetFailure())}
	if n := len(r.GetCompare()); n > 0 {
		t.Compares = make([]mvcc.Compare, n)
		for i, c := range r.GetCompare() {
			t.Compares[i] = toCompare(c)
		}
	}
	return t
}

// toCompare takes the operand that belongs to the target; one of another kind
// counts as zero, as in etcd.
func toCompare(c *pb.Compare) mvcc.Compare {
	out := mvcc.Compare{
		Span:   span(c.GetKey(), c.GetRangeEnd()),
		Target: mvcc.CompareTarget(c.GetTarget()),
		Result: mvcc.CompareResult(c.GetResult()),
	}
	switch c.GetTarget() {
	case pb.Compare_VERSION:
		out.Int = c.GetVersion()
	case pb.Compare_CREATE:
		out.Int = c.GetCreateRevision()
	case pb.Compare_MOD:
		out.Int = c.GetModRevision()
	case pb.Compare_VALUE:
		out.Value = c.GetValue()
	case pb.Compare_LEASE:
		out.Int = c.GetLease()
	}
	return out
}

func toOps(ops []*pb.RequestOp) []mvcc.Op {
	if len(ops) == 0 {
		return nil
	}
	out := make([]mvcc.Op, len(ops))
	for i, op := range ops {
		switch r := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			out[i] = toRange(r.RequestRange)
		case *pb.RequestOp_RequestPut:
			out[i] = toPut(r.RequestPut)
		case *pb.RequestOp_RequestDeleteRange:
			out[i] = toDelete(r.RequestDeleteRange)
		case *pb.RequestOp_RequestTxn:
			out[i] = toTxn(r.RequestTxn)
		}
	}
	return out
}

// fromTxn converts the answer of a transaction. As in etcd, headers within it carry
// only a revision, and that of a nested transaction not even this.
func fromTxn(r *mvcc.TxnResult) *pb.TxnResponse {
	return &pb.TxnResponse{
		Header:    header(r.Revision),
		Succeeded: r.Succeeded,
		Responses: fromResults(r.Results),
	}
}

func fromResults(results []mvcc.OpResult) []*pb.ResponseOp {
	if len(results) == 0 {
		return nil
	}
	out := make([]*pb.ResponseOp, len(results))
	for i, res := range results {
		op := new(pb.ResponseOp)
		switch r := res.(type) {
		case *mvcc.RangeResult:
			op.Response = &pb.ResponseOp_ResponseRange{ResponseRange: fromRange(r, innerHeader(r.Revision))}
		case *mvcc.PutResult:
			op.Response = &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{
				Header: innerHeader(r.Revision), PrevKv: toKV(r.Prev),
			}}
		case *mvcc.DeleteResult:
			op.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: &pb.DeleteRangeResponse{
				Header: innerHeader(r.Revision), Deleted: r.Deleted, PrevKvs: toKVs(r.Prev),
			}}
		case *mvcc.TxnResult:
			op.Response = &pb.ResponseOp_ResponseTxn{ResponseTxn: &pb.TxnResponse{
				Header: innerHeader(0), Succeeded: r.Succeeded, Responses: fromResults(r.Results),
			}}
		}
		out[i] = op
	}
	return out
}

func innerHeader(revision int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: revision} }

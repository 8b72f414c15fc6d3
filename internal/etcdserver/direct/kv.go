package direct

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// kv is pb.KVClient on the server's KV service.
type kv struct{ srv *etcdserver.Server }

func (c kv) Range(ctx context.Context, r *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	return call(ctx, c.srv.KV().Range, r)
}

func (c kv) Put(ctx context.Context, r *pb.PutRequest, _ ...grpc.CallOption) (*pb.PutResponse, error) {
	return call(ctx, c.srv.KV().Put, r)
}

func (c kv) DeleteRange(ctx context.Context, r *pb.DeleteRangeRequest, _ ...grpc.CallOption) (*pb.DeleteRangeResponse, error) {
	return call(ctx, c.srv.KV().DeleteRange, r)
}

func (c kv) Txn(ctx context.Context, r *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	return call(ctx, c.srv.KV().Txn, r)
}

func (c kv) Compact(ctx context.Context, r *pb.CompactionRequest, _ ...grpc.CallOption) (*pb.CompactionResponse, error) {
	return call(ctx, c.srv.KV().Compact, r)
}

// RangeStream needs no goroutine and no pipe: the answer is cut into chunks as
// they are received. What is wrong with the request comes from the first Recv,
// as over a wire.
func (c kv) RangeStream(ctx context.Context, r *pb.RangeRequest, _ ...grpc.CallOption) (pb.KV_RangeStreamClient, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	chunks, err := c.srv.RangeChunks(ctx, r)
	return &rangeStream{clientStream: clientStream{ctx: ctx}, chunks: chunks, err: err}, nil
}

type rangeStream struct {
	clientStream
	chunks *etcdserver.RangeChunks
	err    error
}

func (s *rangeStream) Recv() (*pb.RangeStreamResponse, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.chunks.Next()
}

// call runs a unary method unless the caller has given up already.
func call[Req, Resp any](ctx context.Context, method func(context.Context, *Req) (*Resp, error), r *Req) (*Resp, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return method(ctx, r)
}

package etcdserver_test

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

// FuzzRequests decodes any bytes as each kind of request and carries it out: no
// panic, and every error is one that says what is wrong with the request.
func FuzzRequests(f *testing.F) {
	seeds := []proto.Message{
		&pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, Limit: 3, Revision: 2, SortOrder: 2, SortTarget: 4, MinModRevision: 1},
		&pb.PutRequest{Key: []byte("a"), Value: []byte("b"), Lease: 7, PrevKv: true},
		&pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("b"), PrevKv: true},
		&pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte("a"), RangeEnd: []byte("z"), Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Lease{Lease: 1}}},
			Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Failure: []*pb.RequestOp{
				{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("k")}}},
			}}}}},
			Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte("x")}}}},
		},
		&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte("a"), RangeEnd: []byte("b"), StartRevision: 1, PrevKv: true, Fragment: true, WatchId: 4, Filters: []pb.WatchCreateRequest_FilterType{1, 0},
		}}},
		&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: -1}}},
		&pb.CompactionRequest{Revision: 2, Physical: true},
		&pb.LeaseGrantRequest{ID: -5, TTL: -9},
	}
	for _, m := range seeds {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	e := start(f, etcdserver.Options{EagerProgress: -1})
	kv, watch, lease := direct.KVClient(e.srv), direct.WatchClient(e.srv), direct.LeaseClient(e.srv)
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		check := func(what string, err error) {
			switch status.Code(err) {
			case codes.OK, codes.InvalidArgument, codes.OutOfRange, codes.NotFound, codes.FailedPrecondition, codes.Unimplemented:
			default:
				t.Errorf("%s: %v", what, err)
			}
		}
		if r := new(pb.RangeRequest); proto.Unmarshal(b, r) == nil {
			_, err := kv.Range(ctx, r)
			check("range", err)
			if stream, err := kv.RangeStream(ctx, r); err == nil {
				_, err = stream.Recv()
				check("range stream", err)
			}
		}
		if r := new(pb.PutRequest); proto.Unmarshal(b, r) == nil {
			_, err := kv.Put(ctx, r)
			check("put", err)
		}
		if r := new(pb.DeleteRangeRequest); proto.Unmarshal(b, r) == nil {
			_, err := kv.DeleteRange(ctx, r)
			check("delete", err)
		}
		if r := new(pb.TxnRequest); proto.Unmarshal(b, r) == nil {
			_, err := kv.Txn(ctx, r)
			check("txn", err)
		}
		if r := new(pb.CompactionRequest); proto.Unmarshal(b, r) == nil {
			r.Physical = false
			_, err := kv.Compact(ctx, r)
			check("compact", err)
		}
		if r := new(pb.LeaseGrantRequest); proto.Unmarshal(b, r) == nil {
			_, err := lease.LeaseGrant(ctx, r)
			check("grant", err)
		}
		if r := new(pb.WatchRequest); proto.Unmarshal(b, r) == nil {
			fuzzWatch(t, ctx, watch, r)
		}
	})
}

// fuzzWatch sends a request on a stream, and then one whose answer is certain.
func fuzzWatch(t *testing.T, ctx context.Context, watch pb.WatchClient, r *pb.WatchRequest) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stream, err := watch.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sure := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{Key: []byte("sure"), WatchId: 1 << 40}}}
	for _, req := range []*pb.WatchRequest{r, sure} {
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	for {
		got, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %v: %v", r, err)
		}
		if got.Created && (got.WatchId == 1<<40 || got.CancelReason != "") {
			return
		}
	}
}

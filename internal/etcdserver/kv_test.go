package etcdserver_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

func TestKVErrors(t *testing.T) {
	put := func(key string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key)}}}
	}
	del := func(key, end string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)}}}
	}
	nested := func(then, otherwise []*pb.RequestOp) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: then, Failure: otherwise}}}
	}
	many := make([]*pb.RequestOp, 129)
	for i := range many {
		many[i] = put("k" + string(rune('a'+i)))
	}
	tests := []struct {
		name string
		req  any
		want error
	}{
		{"range without key", &pb.RangeRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"range with unknown order", &pb.RangeRequest{Key: []byte("a"), SortOrder: 9}, rpctypes.ErrGRPCInvalidSortOption},
		{"range with unknown target", &pb.RangeRequest{Key: []byte("a"), SortTarget: 9}, rpctypes.ErrGRPCInvalidSortOption},
		{"range in the future", &pb.RangeRequest{Key: []byte("a"), Revision: 100}, rpctypes.ErrGRPCFutureRev},
		{"range compacted", &pb.RangeRequest{Key: []byte("a"), Revision: 2}, rpctypes.ErrGRPCCompacted},
		{"put without key", &pb.PutRequest{Value: []byte("v")}, rpctypes.ErrGRPCEmptyKey},
		{"put ignoring a given value", &pb.PutRequest{Key: []byte("a"), Value: []byte("v"), IgnoreValue: true}, rpctypes.ErrGRPCValueProvided},
		{"put ignoring a given lease", &pb.PutRequest{Key: []byte("a"), Lease: 5, IgnoreLease: true}, rpctypes.ErrGRPCLeaseProvided},
		{"put keeping the value of nothing", &pb.PutRequest{Key: []byte("missing"), IgnoreValue: true}, rpctypes.ErrGRPCKeyNotFound},
		{"put keeping the lease of nothing", &pb.PutRequest{Key: []byte("missing"), IgnoreLease: true}, rpctypes.ErrGRPCKeyNotFound},
		{"put with an unknown lease", &pb.PutRequest{Key: []byte("a"), Lease: 12345}, rpctypes.ErrGRPCLeaseNotFound},
		{"put too large", &pb.PutRequest{Key: []byte("a"), Value: make([]byte, 1536*1024)}, rpctypes.ErrGRPCRequestTooLarge},
		{"delete without key", &pb.DeleteRangeRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"txn with too many operations", &pb.TxnRequest{Success: many}, rpctypes.ErrGRPCTooManyOps},
		{"txn with too many nested", &pb.TxnRequest{Failure: []*pb.RequestOp{nested(many[:128], nil)}}, rpctypes.ErrGRPCTooManyOps},
		{"txn with an empty operation", &pb.TxnRequest{Success: []*pb.RequestOp{{}}}, rpctypes.ErrGRPCKeyNotFound},
		{"txn comparing no key", &pb.TxnRequest{Compare: []*pb.Compare{{}}}, rpctypes.ErrGRPCEmptyKey},
		{"txn putting a key twice", &pb.TxnRequest{Success: []*pb.RequestOp{put("a"), put("a")}}, rpctypes.ErrGRPCDuplicateKey},
		{"txn putting and deleting a key", &pb.TxnRequest{Failure: []*pb.RequestOp{del("a", "c"), put("b")}}, rpctypes.ErrGRPCDuplicateKey},
		{"txn putting in and out of a nested one", &pb.TxnRequest{Success: []*pb.RequestOp{nested(nil, []*pb.RequestOp{put("a")}), put("a")}}, rpctypes.ErrGRPCDuplicateKey},
		{"txn putting in both branches", &pb.TxnRequest{Success: []*pb.RequestOp{nested([]*pb.RequestOp{put("x")}, []*pb.RequestOp{put("x")})}}, nil},
		{"txn deleting twice", &pb.TxnRequest{Success: []*pb.RequestOp{del("y", "z"), del("yy", "")}}, nil},
		{"txn reading a compacted revision", &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte("a"), Revision: 2}}}}}, rpctypes.ErrGRPCCompacted},
		{"compact again", &pb.CompactionRequest{Revision: 3}, rpctypes.ErrGRPCCompacted},
		{"compact the future", &pb.CompactionRequest{Revision: 1000}, rpctypes.ErrGRPCFutureRev},
		{"revoke an unknown lease", &pb.LeaseRevokeRequest{ID: 9}, rpctypes.ErrGRPCLeaseNotFound},
		{"grant for too long", &pb.LeaseGrantRequest{TTL: 9_000_000_001}, rpctypes.ErrGRPCLeaseTTLTooLarge},
		{"grant an id twice", &pb.LeaseGrantRequest{ID: 77, TTL: 60}, rpctypes.ErrGRPCLeaseExist},
	}
	onBoth(t, etcdserver.Options{}, func(t *testing.T, e *endpoint) {
		e.put(t, "a", "1")
		e.put(t, "a", "2")
		e.compact(t, 3)
		if _, err := e.lease.LeaseGrant(testContext(t), &pb.LeaseGrantRequest{ID: 77, TTL: 60}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				ctx := testContext(t)
				var err error
				switch r := tt.req.(type) {
				case *pb.RangeRequest:
					_, err = e.kv.Range(ctx, r)
				case *pb.PutRequest:
					_, err = e.kv.Put(ctx, r)
				case *pb.DeleteRangeRequest:
					_, err = e.kv.DeleteRange(ctx, r)
				case *pb.TxnRequest:
					_, err = e.kv.Txn(ctx, r)
				case *pb.CompactionRequest:
					_, err = e.kv.Compact(ctx, r)
				case *pb.LeaseRevokeRequest:
					_, err = e.lease.LeaseRevoke(ctx, r)
				case *pb.LeaseGrantRequest:
					_, err = e.lease.LeaseGrant(ctx, r)
				}
				if status.Code(err) != status.Code(tt.want) || rpctypes.Error(err) != rpctypes.Error(tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}
	})
}

// The API server compares what clientv3 makes of errors by value.
func TestClientErrors(t *testing.T) {
	onBoth(t, etcdserver.Options{}, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		e.put(t, "a", "1")
		e.put(t, "a", "2")
		e.compact(t, 3)
		if _, err := e.client.KV.Get(ctx, "a", clientv3.WithRev(2)); err != rpctypes.ErrCompacted {
			t.Errorf("compacted: got %#v", err)
		}
		if _, err := e.client.KV.Get(ctx, "a", clientv3.WithRev(9)); err != rpctypes.ErrFutureRev {
			t.Errorf("future: got %#v", err)
		}
		if _, err := e.client.KV.Put(ctx, "a", strings.Repeat("x", 1600*1024)); err != rpctypes.ErrRequestTooLarge {
			t.Errorf("too large: got %#v", err)
		}
		stream, err := e.client.KV.GetStream(ctx, "a", clientv3.WithRev(2))
		if err == nil {
			_, err = clientv3.GetStreamToGetResponse(stream)
		}
		if err != rpctypes.ErrCompacted {
			t.Errorf("stream compacted: got %#v", err)
		}
		stream, err = e.client.KV.GetStream(ctx, "a", clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
		if err == nil {
			_, err = clientv3.GetStreamToGetResponse(stream)
		}
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("stream sorted: got %#v", err)
		}
	})
}

func TestRangeStream(t *testing.T) {
	const keys = 250
	value := bytes.Repeat([]byte("v"), 1000)
	tests := []struct {
		name      string
		req       *pb.RangeRequest
		want      int
		wantCount int64
		wantMore  bool
		chunks    int // at least
	}{
		{"all", &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l")}, keys, keys, false, 5},
		{"limit", &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), Limit: 100}, 100, keys, true, 2},
		{"limit below a chunk", &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), Limit: 3}, 3, keys, true, 1},
		{"older revision", &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), Revision: 11}, 10, 10, false, 1},
		{"count only", &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), CountOnly: true}, 0, keys, false, 1},
		{"nothing", &pb.RangeRequest{Key: []byte("x"), RangeEnd: []byte("y")}, 0, 0, false, 1},
	}
	onBoth(t, etcdserver.Options{MaxRequestBytes: 50_000}, func(t *testing.T, e *endpoint) {
		for i := range keys {
			e.put(t, "k"+string([]byte{byte('a' + i/26), byte('a' + i%26)}), string(value))
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				stream, err := e.kv.RangeStream(testContext(t), tt.req)
				if err != nil {
					t.Fatal(err)
				}
				var got [][]byte
				chunks := 0
				var last *pb.RangeResponse
				for {
					chunk, err := stream.Recv()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if last != nil && (last.Header != nil || last.Count != 0 || last.More || len(last.Kvs) == 0) {
						t.Fatalf("chunk %d of more has %d keys, header %v, count %d, more %v", chunks, len(last.Kvs), last.Header, last.Count, last.More)
					}
					chunks++
					last = chunk.RangeResponse
					for _, kv := range last.Kvs {
						got = append(got, kv.Key)
					}
				}
				if len(got) != tt.want || last.Count != tt.wantCount || last.More != tt.wantMore || chunks < tt.chunks {
					t.Errorf("got %d keys in %d chunks, count %d, more %v", len(got), chunks, last.Count, last.More)
				}
				if last.Header.Revision != keys+1 {
					t.Errorf("header's revision is %d, want %d", last.Header.Revision, keys+1)
				}
				for i := 1; i < len(got); i++ {
					if bytes.Compare(got[i-1], got[i]) >= 0 {
						t.Fatalf("%q before %q", got[i-1], got[i])
					}
				}
			})
		}
	})
}

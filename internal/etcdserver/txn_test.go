package etcdserver_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// A nested transaction: one revision for all, inner headers as etcd has them,
// reads that see the writes before them.
func TestTxn(t *testing.T) {
	onBoth(t, etcdserver.Options{}, func(t *testing.T, e *endpoint) {
		e.put(t, "a", "old") // revision 2
		read := func(key string) *pb.RequestOp {
			return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}
		}
		write := func(key, value string) *pb.RequestOp {
			return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value), PrevKv: true}}}
		}
		resp, err := e.kv.Txn(testContext(t), &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte("a"), Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("old")}}},
			Success: []*pb.RequestOp{
				read("a"),
				write("a", "new"),
				read("a"),
				{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{
					Compare: []*pb.Compare{{Key: []byte("b"), Target: pb.Compare_VERSION, Result: pb.Compare_GREATER, TargetUnion: &pb.Compare_Version{Version: 0}}},
					Failure: []*pb.RequestOp{write("b", "1")},
				}}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !resp.Succeeded || resp.Header.Revision != 3 || len(resp.Responses) != 4 {
			t.Fatalf("got %v", resp)
		}
		r := resp.Responses
		if before := r[0].GetResponseRange(); before.Header.Revision != 2 || string(before.Kvs[0].Value) != "old" {
			t.Errorf("read before the write: %v", before)
		}
		if put := r[1].GetResponsePut(); put.Header.Revision != 3 || string(put.PrevKv.GetValue()) != "old" {
			t.Errorf("put: %v", put)
		}
		if after := r[2].GetResponseRange(); after.Header.Revision != 3 || string(after.Kvs[0].Value) != "new" || after.Kvs[0].Version != 2 {
			t.Errorf("read after the write: %v", after)
		}
		inner := r[3].GetResponseTxn()
		if inner.Succeeded || len(inner.Responses) != 1 || inner.Responses[0].GetResponsePut().PrevKv != nil {
			t.Errorf("nested: %v", inner)
		}
	})
}

// The shapes of transaction that the API server sends.
func TestKubernetesShapes(t *testing.T) {
	onBoth(t, etcdserver.Options{}, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		k := e.client.Kubernetes
		created, err := k.OptimisticPut(ctx, "/r/a", []byte("1"), 0, putOptions())
		if err != nil || !created.Succeeded || created.Revision != 2 {
			t.Fatalf("create: %+v, %v", created, err)
		}
		again, err := k.OptimisticPut(ctx, "/r/a", []byte("2"), 0, putOptions())
		if err != nil || again.Succeeded || again.Revision != 2 || again.KV == nil || again.KV.ModRevision != 2 {
			t.Fatalf("create again: %+v, %v", again, err)
		}
		updated, err := k.OptimisticPut(ctx, "/r/a", []byte("2"), 2, putOptions())
		if err != nil || !updated.Succeeded || updated.Revision != 3 {
			t.Fatalf("update: %+v, %v", updated, err)
		}
		got, err := k.Get(ctx, "/r/a", getOptions())
		if err != nil || string(got.KV.Value) != "2" || got.KV.Version != 2 || got.KV.CreateRevision != 2 || got.Revision != 3 {
			t.Fatalf("get: %+v, %v", got, err)
		}
		stale, err := k.OptimisticDelete(ctx, "/r/a", 2, deleteOptions())
		if err != nil || stale.Succeeded || stale.KV == nil || stale.KV.ModRevision != 3 {
			t.Fatalf("delete stale: %+v, %v", stale, err)
		}
		gone, err := k.OptimisticDelete(ctx, "/r/a", 3, deleteOptions())
		if err != nil || !gone.Succeeded || gone.Revision != 4 {
			t.Fatalf("delete: %+v, %v", gone, err)
		}
		missing, err := k.OptimisticDelete(ctx, "/r/a", 3, deleteOptions())
		if err != nil || missing.Succeeded || missing.KV != nil || missing.Revision != 4 {
			t.Fatalf("delete the missing: %+v, %v", missing, err)
		}
	})
}

package etcdserver_test

import (
	"bytes"
	"context"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

// A value that was stored under a higher limit is read, made smaller and deleted, and does not
// grow.
func TestLimitLowered(t *testing.T) {
	const high, low = 4 << 20, 64 << 10
	e := start(t, etcdserver.Options{MaxRequestBytes: high})
	large := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	put := func(srv *etcdserver.Server, ctx context.Context, key string, n int) error {
		_, err := direct.KVClient(srv).Put(ctx, &pb.PutRequest{Key: []byte(key), Value: large(n)})
		return err
	}
	update := func(srv *etcdserver.Server, ctx context.Context, key string, n int) error {
		_, err := direct.KVClient(srv).Txn(ctx, &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte(key), Target: pb.Compare_VERSION, Result: pb.Compare_GREATER, TargetUnion: &pb.Compare_Version{}}},
			Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: large(n)}}}},
			Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}},
		})
		return err
	}
	ctx := testContext(t)
	for _, key := range []string{"a", "b"} {
		if err := put(e.srv, ctx, key, 3<<20); err != nil {
			t.Fatal(err)
		}
	}

	lowered := etcdserver.New(e.store, etcdserver.Options{MaxRequestBytes: low})
	t.Cleanup(lowered.Stop)
	growing := etcdserver.WithGrowth(ctx, 1<<10)
	for _, step := range []struct {
		name  string
		write func(*etcdserver.Server, context.Context, string, int) error
		ctx   context.Context
		key   string
		size  int
		want  error
	}{
		{"a new one", put, ctx, "c", low, rpctypes.ErrGRPCRequestTooLarge},
		{"a new one that may grow", put, growing, "c", low, rpctypes.ErrGRPCRequestTooLarge},
		{"one byte more", update, ctx, "a", 3<<20 + 1, rpctypes.ErrGRPCRequestTooLarge},
		{"put with one byte more", put, ctx, "a", 3<<20 + 1, rpctypes.ErrGRPCRequestTooLarge},
		{"as large", update, ctx, "a", 3 << 20, nil},
		{"a deletion time", update, growing, "a", 3<<20 + 100, nil},
		{"more than that", update, growing, "a", 4 << 20, rpctypes.ErrGRPCRequestTooLarge},
		{"smaller", update, ctx, "a", 2 << 20, nil},
		{"put smaller", put, ctx, "a", 1 << 20, nil},
		{"back to before", update, ctx, "a", 2 << 20, rpctypes.ErrGRPCRequestTooLarge},
		{"within the limit", update, ctx, "a", low / 2, nil},
		{"and above it again", update, ctx, "a", low, rpctypes.ErrGRPCRequestTooLarge},
	} {
		if err := step.write(lowered, step.ctx, step.key, step.size); err != step.want {
			t.Errorf("%s: got %v, want %v", step.name, err, step.want)
		}
	}

	kv := direct.KVClient(lowered)
	if r, err := kv.Range(ctx, &pb.RangeRequest{Key: []byte("b")}); err != nil || len(r.Kvs) != 1 || len(r.Kvs[0].Value) != 3<<20 {
		t.Errorf("read: %v", err)
	}
	chunks, err := lowered.RangeChunks(ctx, &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for {
		chunk, err := chunks.Next()
		if err != nil {
			break
		}
		keys += len(chunk.GetRangeResponse().GetKvs())
	}
	if keys != 2 {
		t.Errorf("a stream has %d keys, want 2", keys)
	}
	if r, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte("b")}); err != nil || r.Deleted != 1 {
		t.Errorf("delete: %v, %v", r, err)
	}
}

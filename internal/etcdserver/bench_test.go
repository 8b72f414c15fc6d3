package etcdserver_test

import (
	"context"
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

// BenchmarkDirect measures the endpoint without a wire, as the API server calls
// it, on 1,000 keys of 1 KiB.
func BenchmarkDirect(b *testing.B) {
	e := start(b, quiet)
	e.kv = direct.KVClient(e.srv)
	c := direct.NewClient(e.srv)
	defer c.Close()
	ctx := context.Background()
	value := make([]byte, 1024)
	for i := range 1000 {
		if _, err := e.kv.Put(ctx, &pb.PutRequest{Key: fmt.Appendf(nil, "/r/%04d", i), Value: value}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := c.Kubernetes.Get(ctx, fmt.Sprintf("/r/%04d", i%1000), kubernetes.GetOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list 500", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := c.Kubernetes.List(ctx, "/r/", kubernetes.ListOptions{Limit: 500}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		revision := e.store.Revision()
		for range b.N {
			r, err := c.Kubernetes.OptimisticPut(ctx, "/r/0999", value, revision, kubernetes.PutOptions{GetOnFailure: true})
			if err != nil || !r.Succeeded {
				b.Fatal(r, err)
			}
			revision = r.Revision
		}
	})
	for _, idle := range []int{1, 30} {
		b.Run(fmt.Sprintf("put with %d idle watches", idle), func(b *testing.B) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			for i := range idle {
				w := direct.NewClient(e.srv)
				defer w.Close()
				w.Watch(ctx, fmt.Sprintf("/other/%d/", i), clientv3.WithPrefix(), clientv3.WithProgressNotify())
			}
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := e.kv.Put(ctx, &pb.PutRequest{Key: []byte("/r/0001"), Value: value}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

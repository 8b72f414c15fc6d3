package etcdserver_test

import (
	"context"
	"runtime"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

// Whatever is opened through a client without a wire is gone once the client, its
// context or the server is.
func TestDirectLeavesNothing(t *testing.T) {
	tests := []struct {
		name string
		end  func(e *endpoint, c *clientv3.Client, cancel context.CancelFunc)
	}{
		{"client closed", func(_ *endpoint, c *clientv3.Client, cancel context.CancelFunc) { _ = c.Close() }},
		{"contexts canceled, client closed", func(_ *endpoint, c *clientv3.Client, cancel context.CancelFunc) {
			cancel()
			_ = c.Close()
		}},
		{"server stopped, client closed", func(e *endpoint, c *clientv3.Client, cancel context.CancelFunc) {
			e.srv.Stop()
			_ = c.Close()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t, quiet)
			before := runtime.NumGoroutine()
			c := direct.NewClient(e.srv).Client
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for range 5 {
				w := c.Watch(ctx, "k", clientv3.WithPrefix())
				lease, err := c.Grant(ctx, 60)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.KeepAlive(ctx, lease.ID); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Put(ctx, "k", "v"); err != nil {
					t.Fatal(err)
				}
				<-w
				stream, err := c.GetStream(ctx, "k")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := clientv3.GetStreamToGetResponse(stream); err != nil {
					t.Fatal(err)
				}
			}
			if runtime.NumGoroutine() == before {
				t.Fatal("nothing was started: the test measures nothing")
			}
			tt.end(e, c, cancel)
			eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// A watch that its reader gave up ends on the server too.
func TestDirectWatchCanceled(t *testing.T) {
	e := start(t, quiet)
	c := direct.NewClient(e.srv)
	defer c.Close()
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	w := c.Watch(ctx, "k")
	if _, err := c.Put(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	<-w
	cancel()
	eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// A context that has ended ends calls before and while they run.
func TestDirectContext(t *testing.T) {
	e := start(t, quiet)
	c := direct.NewClient(e.srv)
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Put(ctx, "k", "v"); err != context.Canceled {
		t.Errorf("put: %v", err)
	}
	if _, err := c.KV.Get(ctx, "k"); err != context.Canceled {
		t.Errorf("get: %v", err)
	}
	if _, err := c.GetStream(ctx, "k"); err != context.Canceled {
		t.Errorf("stream: %v", err)
	}
	if r, ok := <-c.Watch(ctx, "k"); ok && r.Err() == nil {
		t.Errorf("watch: %v", r)
	}
	if e.store.Revision() != 1 {
		t.Error("a canceled put was carried out")
	}
}

// What the API server's feature check sees of a client without a wire.
func TestDirectEndpoint(t *testing.T) {
	e := start(t, quiet)
	c := direct.NewClient(e.srv)
	defer c.Close()
	endpoint := direct.Endpoint(c)
	names := endpoint.Endpoints()
	if len(names) != 1 {
		t.Fatalf("endpoints: %v", names)
	}
	status, err := endpoint.Status(testContext(t), names[0])
	if err != nil || status.Version != "3.7.3" {
		t.Errorf("status: %+v, %v", status, err)
	}
}

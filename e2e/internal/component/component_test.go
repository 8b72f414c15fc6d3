package component

import (
	"context"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Each peer must start on a port of its own, serve, and stop by its handle.
func TestPeersStartAndStop(t *testing.T) {
	for name, start := range map[string]func(context.Context, string) (*Endpoint, error){"etcd": StartEtcd, "kine": StartKine} {
		t.Run(name, func(t *testing.T) {
			if err := BuildBinaries(name); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			e, err := start(ctx, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer e.Kill()
			c, err := kubernetes.New(clientv3.Config{Endpoints: []string{e.URL}, DialTimeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			put, err := c.OptimisticPut(ctx, "/registry/x", []byte("1"), 0, kubernetes.PutOptions{})
			if err != nil || !put.Succeeded {
				t.Fatalf("put: %v, succeeded %v", err, put.Succeeded)
			}
			if _, err := e.CPU(); err != nil {
				t.Error(err)
			}
			if m, err := e.Memory(); err != nil || m.RSS == 0 || m.Peak < m.RSS {
				t.Errorf("memory %+v, %v", m, err)
			}
			if err := e.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

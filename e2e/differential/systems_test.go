package differential

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// system is one of the two that are compared.
type system struct {
	name  string
	kv    pb.KVClient
	watch pb.WatchClient
	lease pb.LeaseClient
}

func startEtcd(t *testing.T) *system {
	t.Helper()
	dir := shortTempDir(t)
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(dir, "data")
	cfg.UnsafeNoFsync = true
	cfg.LogLevel = "panic"
	// Elections are the only thing that takes time at the start.
	cfg.TickMs, cfg.ElectionMs = 10, 100
	client := url.URL{Scheme: "unix", Path: filepath.Join(dir, "client")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(dir, "peer")}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatalf("start etcd: %v", err)
	}
	t.Cleanup(e.Close)
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("etcd does not become ready")
	}
	return dial(t, "etcd", client.String())
}

// servers hold the databases of all tests.
var servers engine.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

func startOurs(t *testing.T, storage string, overGRPC bool) *system {
	t.Helper()
	ctx := context.Background()
	e, err := servers.New(t, storage).Open(ctx, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(ctx, e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := etcdserver.New(store, etcdserver.Options{})
	t.Cleanup(func() {
		srv.Stop()
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	if !overGRPC {
		return &system{"ours", direct.KVClient(srv), direct.WatchClient(srv), direct.LeaseClient(srv)}
	}
	address := "unix://" + filepath.Join(shortTempDir(t), "ours")
	lis, err := etcdserver.Listen(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return dial(t, "ours", address)
}

func dial(t *testing.T, name, address string) *system {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &system{name, pb.NewKVClient(conn), pb.NewWatchClient(conn), pb.NewLeaseClient(conn)}
}

// shortTempDir is a folder for sockets, whose paths must be short.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "diff")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

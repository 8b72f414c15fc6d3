package etcdserver_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// endpoint is a Server over a fresh database, and the ways to call it.
type endpoint struct {
	path   string
	store  *mvcc.Store
	srv    *etcdserver.Server
	kv     pb.KVClient
	watch  pb.WatchClient
	lease  pb.LeaseClient
	client *kubernetes.Client
}

// onBoth runs a test over both transports, each on an endpoint of its own.
func onBoth(t *testing.T, opts etcdserver.Options, test func(t *testing.T, e *endpoint)) {
	t.Helper()
	t.Run("direct", func(t *testing.T) {
		e := start(t, opts)
		e.kv, e.watch, e.lease = direct.KVClient(e.srv), direct.WatchClient(e.srv), direct.LeaseClient(e.srv)
		e.client = direct.NewClient(e.srv)
		t.Cleanup(func() { _ = e.client.Close() })
		test(t, e)
	})
	t.Run("grpc", func(t *testing.T) {
		e := start(t, opts)
		address := e.serve(t)
		conn, err := grpc.NewClient(address, append(etcdserver.ActorDialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		e.kv, e.watch, e.lease = pb.NewKVClient(conn), pb.NewWatchClient(conn), pb.NewLeaseClient(conn)
		e.client, err = kubernetes.New(clientv3.Config{Endpoints: []string{address}, DialOptions: etcdserver.ActorDialOptions()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.client.Close() })
		test(t, e)
	})
}

func start(t testing.TB, opts etcdserver.Options) *endpoint {
	t.Helper()
	ctx := context.Background()
	e := &endpoint{path: filepath.Join(t.TempDir(), "ark.db")}
	engine, err := sqlite.Open(ctx, e.path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.store, err = mvcc.Open(ctx, engine, mvcc.Options{}); err != nil {
		t.Fatal(err)
	}
	e.srv = etcdserver.New(e.store, opts)
	t.Cleanup(func() {
		e.srv.Stop()
		if err := e.store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return e
}

// serve listens on a unix socket and returns its address.
func (e *endpoint) serve(t testing.TB) string {
	t.Helper()
	address := "unix://" + filepath.Join(shortTempDir(t), "etcd")
	lis, err := etcdserver.Listen(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- e.srv.Serve(lis) }()
	t.Cleanup(func() {
		e.srv.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return address
}

// shortTempDir is a folder whose path leaves room for a socket's: at most 108
// bytes, less than names of tests can take.
func shortTempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ark")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// patience is how long a test waits for what must happen; it says nothing about
// speed.
const patience = 20 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (e *endpoint) put(t testing.TB, key, value string) int64 {
	t.Helper()
	r, err := e.kv.Put(testContext(t), &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return r.Header.Revision
}

func (e *endpoint) delete(t testing.TB, key string) int64 {
	t.Helper()
	r, err := e.kv.DeleteRange(testContext(t), &pb.DeleteRangeRequest{Key: []byte(key)})
	if err != nil {
		t.Fatalf("delete %s: %v", key, err)
	}
	return r.Header.Revision
}

func (e *endpoint) compact(t testing.TB, revision int64) {
	t.Helper()
	if _, err := e.kv.Compact(testContext(t), &pb.CompactionRequest{Revision: revision}); err != nil {
		t.Fatalf("compact %d: %v", revision, err)
	}
}

func putOptions() kubernetes.PutOptions       { return kubernetes.PutOptions{GetOnFailure: true} }
func deleteOptions() kubernetes.DeleteOptions { return kubernetes.DeleteOptions{GetOnFailure: true} }
func getOptions() kubernetes.GetOptions       { return kubernetes.GetOptions{} }

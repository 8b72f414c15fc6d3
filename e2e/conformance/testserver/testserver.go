// Package testserver runs our endpoint in place of the etcd that k8s.io/apiserver's storage tests
// expect.
package testserver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TransportVariable names the environment variable that selects how the tests reach the endpoint:
// "direct" (the default) within the process, "grpc" over a unix socket.
const TransportVariable = "ARK_CONFORMANCE_TRANSPORT"

// EagerVariable, set to "off", stops the endpoint from sending progress notifications to watches
// that did not request them.
const EagerVariable = "ARK_CONFORMANCE_EAGER_PROGRESS"

// StorageVariable names the database of the endpoint, with the values of --storage; the default is
// SQLite. Servers must already be running, with the names that package sqltest expects: no process
// here lives long enough to stop one.
const StorageVariable = "ARK_CONFORMANCE_STORAGE"

// servers holds the databases of all tests of a binary.
var servers engine.Shared

// Config holds the settings of a test.
type Config struct {
	// ProgressInterval is the period of watch progress; 0 for the default.
	ProgressInterval time.Duration
	// ServerTLS and ClientTLS, if set, secure the grpc transport.
	ServerTLS, ClientTLS *tls.Config
}

// Run starts an endpoint on a fresh database and returns a client of it.
// Both end with the test.
func Run(t testing.TB, cfg Config) *kubernetes.Client {
	t.Helper()
	transport := os.Getenv(TransportVariable)
	if transport != "" && transport != "direct" && transport != "grpc" {
		t.Fatalf("%s=%s: use direct or grpc", TransportVariable, transport)
	}
	ctx := context.Background()
	storage := os.Getenv(StorageVariable)
	if storage == "" {
		storage = engine.SQLite
	}
	e, err := servers.New(t, storage).Open(ctx, slog.Default())
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	store, err := mvcc.Open(ctx, e, mvcc.Options{})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	opts := etcdserver.Options{ProgressInterval: cfg.ProgressInterval, TLS: cfg.ServerTLS}
	if os.Getenv(EagerVariable) == "off" {
		opts.EagerProgress = -1
	}
	srv := etcdserver.New(store, opts)
	t.Cleanup(func() {
		srv.Stop()
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	if transport == "grpc" {
		return dial(t, srv, cfg.ClientTLS)
	}
	c := direct.NewClient(srv)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// serve returns when the server is stopped. A short test may stop it before it has started.
func serve(t testing.TB, srv *etcdserver.Server, lis net.Listener) {
	if err := srv.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		t.Errorf("serve %s: %v", lis.Addr(), err)
	}
}

func dial(t testing.TB, srv *etcdserver.Server, secure *tls.Config) *kubernetes.Client {
	t.Helper()
	address := "tcp://127.0.0.1:0"
	if secure == nil {
		// Test names make t.TempDir() longer than the maximum length of a socket path.
		dir, err := os.MkdirTemp("", "ark")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		address = "unix://" + dir + "/etcd"
	}
	lis, err := etcdserver.Listen(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		address = "https://" + lis.Addr().String()
	}
	go serve(t, srv, lis)
	c, err := kubernetes.New(clientv3.Config{Endpoints: []string{address}, TLS: secure, DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatalf("connect to the endpoint: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Endpoint passes an in-process client to the API server's feature check.
func Endpoint(c *kubernetes.Client) direct.EndpointClient { return direct.Endpoint(c) }

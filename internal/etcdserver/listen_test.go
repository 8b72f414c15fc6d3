package etcdserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

func TestListenRefuses(t *testing.T) {
	dir := shortTempDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := etcdserver.Listen("unix://"+filepath.Join(dir, "taken"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy, err := etcdserver.Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := []struct {
		name, address string
		config        *tls.Config
		want          string // part of the error
	}{
		{"no scheme", "127.0.0.1:2379", nil, "use unix:///path/to/socket or tcp://127.0.0.1:2379"},
		{"other scheme", "http://127.0.0.1:2379", nil, `unknown scheme "http"`},
		{"no port", "tcp://127.0.0.1", nil, "host or port is missing"},
		{"no host", "tcp://:2379", nil, "host or port is missing"},
		{"no path", "unix://", nil, "the path is missing"},
		{"all interfaces", "tcp://0.0.0.0:2379", nil, "use a loopback address such as tcp://127.0.0.1:2379"},
		{"a name", "tcp://example.com:2379", nil, "use a loopback address"},
		{"server certificate alone", "tcp://0.0.0.0:2379", &tls.Config{}, "demand client certificates"},
		{"client certificates not demanded", "tcp://0.0.0.0:2379", &tls.Config{ClientCAs: x509.NewCertPool(), ClientAuth: tls.VerifyClientCertIfGiven}, "demand client certificates"},
		{"port in use", "tcp://" + busy.Addr().String(), nil, "choose another port"},
		{"a file in the way", "unix://" + file, nil, "is not a socket"},
		{"somebody listens", "unix://" + filepath.Join(dir, "taken"), nil, "another process listens"},
		{"no such folder", "unix://" + filepath.Join(dir, "missing", "socket"), nil, "the folder must exist"},
		{"path too long", "unix://" + filepath.Join(dir, strings.Repeat("x", 120)), nil, "shorter than 108 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lis, err := etcdserver.Listen(tt.address, tt.config)
			if err == nil {
				lis.Close()
				t.Fatal("listens")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "--") {
				t.Errorf("got %v", err)
			}
		})
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "data" {
		t.Errorf("the file in the way is now %q, %v", content, err)
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(shortTempDir(t), "etcd")
	// What a process that was killed leaves behind.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()

	lis, err := etcdserver.Listen("unix://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	lis.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestListenTCP(t *testing.T) {
	strict := &tls.Config{ClientCAs: x509.NewCertPool(), ClientAuth: tls.RequireAndVerifyClientCert}
	for _, tt := range []struct {
		address string
		config  *tls.Config
	}{{"tcp://127.0.0.1:0", nil}, {"tcp://localhost:0", nil}, {"tcp://0.0.0.0:0", strict}} {
		lis, err := etcdserver.Listen(tt.address, tt.config)
		if err != nil {
			t.Errorf("%s: %v", tt.address, err)
			continue
		}
		lis.Close()
	}
}

// What etcdctl asks beside keys.
func TestStatusAndMembers(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		e.put(t, "a", "1")
		name := "any" // without a wire there is no endpoint to name
		if endpoints := e.client.Endpoints(); len(endpoints) > 0 {
			name = endpoints[0]
		}
		status, err := e.client.Status(ctx, name)
		if err != nil || status.Version != "3.7.3" || status.DbSize <= 0 || status.Leader != status.Header.MemberId || len(status.Errors) != 0 {
			t.Errorf("status: %+v, %v", status, err)
		}
		members, err := e.client.MemberList(ctx)
		if err != nil || len(members.Members) != 1 || members.Members[0].ID != status.Header.MemberId || len(members.Members[0].ClientURLs) != 1 {
			t.Errorf("members: %+v, %v", members, err)
		}
		if alarms, err := e.client.AlarmList(ctx); err != nil || len(alarms.Alarms) != 0 {
			t.Errorf("alarms: %+v, %v", alarms, err)
		}
		if _, err := e.client.MemberAdd(ctx, []string{"http://127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "exactly one member") {
			t.Errorf("member add: %v", err)
		}
		snapshot, err := e.client.Snapshot(ctx)
		if err == nil {
			_, err = snapshot.Read(make([]byte, 1))
		}
		if err == nil || !strings.Contains(err.Error(), "back up the database itself") {
			t.Errorf("snapshot: %v", err)
		}
	})
}

func TestHealthAndAuth(t *testing.T) {
	e := start(t, quiet)
	conn, err := grpc.NewClient(e.serve(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := testContext(t)
	if r, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", r, err)
	}
	if r, err := pb.NewAuthClient(conn).AuthStatus(ctx, &pb.AuthStatusRequest{}); err != nil || r.Enabled {
		t.Errorf("auth: %v, %v", r, err)
	}
	e.srv.Stop()
	if err := e.srv.Serve(anyListener(t)); err == nil {
		t.Error("serves after Stop")
	}
}

func anyListener(t *testing.T) net.Listener {
	t.Helper()
	lis, err := etcdserver.Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// clientv3 over loopback TCP, with the pings that etcd's clients send.
func TestServeTCP(t *testing.T) {
	e := start(t, quiet)
	lis, err := etcdserver.Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- e.srv.Serve(lis) }()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{lis.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := testContext(t)
	if _, err := c.Put(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(ctx); err != nil {
		t.Errorf("sync: %v", err)
	}
	if got := c.Endpoints(); len(got) != 1 || got[0] != "http://"+lis.Addr().String() {
		t.Errorf("endpoints: %v", got)
	}
	if r, err := c.Get(ctx, "k"); err != nil || len(r.Kvs) != 1 {
		t.Errorf("get: %v, %v", r, err)
	}
	e.srv.Stop()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

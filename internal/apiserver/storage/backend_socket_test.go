package storage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// A socket that another user has put in the place of the server's is not connected to, neither
// at the start nor by a client that has been connected before.
func TestPlantedSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a socket to another user: run as root to test this too")
	}
	dir, err := os.MkdirTemp("", "ark") // the paths of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	serve := func() (stop func()) {
		t.Helper()
		lis, err := etcdserver.Listen("unix://"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		server := etcdserver.New(store, etcdserver.Options{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = server.Serve(lis) // ends with stop
		}()
		return func() { server.Stop(); <-done }
	}
	stop := serve()
	options := EtcdOptions{Servers: []string{"unix://" + path}}
	client, err := NewEtcdClient(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stop()

	defer serve()()
	if err := os.Lchown(path, 54321, 54321); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := NewEtcdClient(ctx, options); err == nil || !strings.Contains(err.Error(), "belongs to uid 54321") {
		t.Errorf("a new client: %v", err)
	}
	if _, err := client.Put(ctx, "secret", "of ours"); err == nil {
		t.Error("the client of before has written to it")
	}
	if store.Revision() > 1 {
		t.Errorf("it has got a write: revision %d", store.Revision())
	}
}

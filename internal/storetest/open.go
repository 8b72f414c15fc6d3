package storetest

import (
	"path/filepath"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// Open opens a new store until the end of the test.
func Open(t testing.TB) *mvcc.Store {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// OpenKV opens a new store as etcd's clients see it.
func OpenKV(t testing.TB) clientv3.KV {
	t.Helper()
	endpoint := etcdserver.New(Open(t), etcdserver.Options{})
	client := direct.NewClient(endpoint)
	t.Cleanup(func() {
		_ = client.Close() // there is no connection
		endpoint.Stop()
	})
	return client.KV
}

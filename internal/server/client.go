package server

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Client reads and writes a storage without serving it, concurrently with replicas that may run on
// it.
type Client struct {
	// KV reads and writes the keys. Writes have the actor of an import.
	KV clientv3.KV
	// Side are the side tables; nil for an external etcd, which has none.
	Side mvcc.SideTables
	// New is true if nothing had been written to the storage. It is only set for a storage that takes
	// over.
	New bool

	close func() error
}

// OpenClient opens a storage without serving it.
func OpenClient(ctx context.Context, o StorageOptions) (*Client, error) {
	admin, ok := o.Admin()
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, storageTimeout)
		defer cancel()
		client, err := storage.NewEtcdClient(ctx, o.etcd())
		if err != nil {
			return nil, about(SettingEtcd, err)
		}
		return &Client{KV: client, close: client.Close}, nil
	}
	fresh := false
	if o.TakesOver {
		var err error
		if fresh, err = isNew(ctx, admin); err != nil {
			return nil, about(SettingDatabase, err)
		}
	}
	engine, err := openEngine(ctx, admin, o.TakesOver)
	if err != nil {
		return nil, err
	}
	store, err := mvcc.Open(ctx, engine, mvcc.Options{Held: prunesNothing})
	if err != nil {
		return nil, about(SettingStorage, err)
	}
	endpoint := etcdserver.New(store, etcdserver.Options{MaxRequestBytes: requestBytes(o.MaxObjectBytes) + recordRoom})
	client := direct.NewClient(endpoint)
	return &Client{KV: asImporter{client.KV}, Side: store.Side(), New: fresh, close: func() error {
		err := ignoreCanceled(client.Close())
		endpoint.Stop()
		return errors.Join(err, store.Close())
	}}, nil
}

// prunesNothing leaves the pruning of old revisions to servers, which keep their history.
func prunesNothing() int64 { return 0 }

// ignoreCanceled drops the error of a client whose calls were canceled by its end.
func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Close closes the storage.
func (c *Client) Close() error { return c.close() }

// isNew reports whether nothing has been written to a database yet.
func isNew(ctx context.Context, admin Admin) (bool, error) {
	engine, err := admin.Open(ctx)
	if err != nil {
		return false, err
	}
	state, err := engine.State(ctx)
	if err := errors.Join(err, engine.Close()); err != nil {
		return false, err
	}
	return state.Revision <= 1, nil
}

// recordRoom is the space for the record that is written with each object.
const recordRoom = 64 << 10

// asImporter adds the importer as the actor of each write.
type asImporter struct{ clientv3.KV }

func (a asImporter) Txn(ctx context.Context) clientv3.Txn {
	return a.KV.Txn(etcdserver.WithActor(ctx, mvcc.Actor{User: "ark-server import", UserAgent: "ark-server", Verb: "import"}))
}

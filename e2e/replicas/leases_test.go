package replicas

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// TestLeases checks that one replica grants a lease, another attaches keys to it, a third keeps it
// alive and any of them revokes it. A lease expires its full TTL after the last keep-alive, once,
// for watchers of every replica. A compaction at one replica applies to all.
func TestLeases(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			c := startCluster(t, storage, 3)
			var clients []*clientv3.Client
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			for _, r := range c.replicas {
				clients = append(clients, r.client(t))
				if _, err := ready(ctx, clients[len(clients)-1]); err != nil {
					t.Fatal(err)
				}
			}
			testExpiry(ctx, t, clients)
			testRevocation(ctx, t, clients)
			testCompaction(ctx, t, clients)
		})
	}
}

func testExpiry(ctx context.Context, t *testing.T, clients []*clientv3.Client) {
	const ttl = 4
	lease, err := clients[0].Grant(ctx, ttl)
	if err != nil {
		t.Fatal(err)
	}
	put, err := clients[1].Put(ctx, "leased", "v", clientv3.WithLease(lease.ID))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(ttl * time.Second / 2)
	kept := time.Now()
	if _, err := clients[2].KeepAliveOnce(ctx, lease.ID); err != nil {
		t.Fatal(err)
	}
	left, err := clients[0].TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	if err != nil || left.TTL < ttl-2 || left.GrantedTTL != ttl || len(left.Keys) != 1 || string(left.Keys[0]) != "leased" {
		t.Fatalf("the first replica says %+v, %v", left, err)
	}
	ended := int64(0)
	for i, client := range clients {
		resp, ok := <-client.Watch(ctx, "leased", clientv3.WithRev(put.Header.Revision+1), clientv3.WithPrevKV())
		if !ok || len(resp.Events) != 1 || resp.Events[0].Type != clientv3.EventTypeDelete || string(resp.Events[0].PrevKv.Value) != "v" {
			t.Fatalf("replica %d: %+v", i, resp)
		}
		if took := time.Since(kept); took < ttl*time.Second-50*time.Millisecond {
			t.Errorf("replica %d: the lease ended %s after it was kept alive, it is of %d s", i, took, ttl)
		}
		if at := resp.Events[0].Kv.ModRevision; ended != 0 && at != ended {
			t.Errorf("replica %d: the key was deleted at revision %d, elsewhere at %d", i, at, ended)
		} else {
			ended = at
		}
		if _, err := client.Put(ctx, "leased", "again", clientv3.WithLease(lease.ID)); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			t.Errorf("replica %d: a put with the lease that has ended: %v", i, err)
		}
	}
}

func testRevocation(ctx context.Context, t *testing.T, clients []*clientv3.Client) {
	lease, err := clients[0].Grant(ctx, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for i, client := range clients {
		if _, err := client.Put(ctx, key(i), "v", clientv3.WithLease(lease.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := clients[2].Revoke(ctx, lease.ID); err != nil {
		t.Fatal(err)
	}
	for i, client := range clients {
		resp, err := client.Get(ctx, prefix, clientv3.WithPrefix())
		if err != nil || len(resp.Kvs) != 0 {
			t.Errorf("replica %d: %v, %v", i, resp, err)
		}
		if left, err := client.TimeToLive(ctx, lease.ID); err != nil || left.TTL != -1 {
			t.Errorf("replica %d: %+v, %v", i, left, err)
		}
	}
}

func testCompaction(ctx context.Context, t *testing.T, clients []*clientv3.Client) {
	var last int64
	for range 20 {
		resp, err := clients[0].Put(ctx, key(0), "v")
		if err != nil {
			t.Fatal(err)
		}
		last = resp.Header.Revision
	}
	if _, err := clients[1].Compact(ctx, last-5, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	for i, client := range clients {
		if _, err := client.Get(ctx, key(0), clientv3.WithRev(last-6)); !errors.Is(err, rpctypes.ErrCompacted) {
			t.Errorf("replica %d: a read below: %v", i, err)
		}
		if resp, err := client.Get(ctx, key(0), clientv3.WithRev(last-5)); err != nil || resp.Kvs[0].ModRevision != last-5 {
			t.Errorf("replica %d: a read at it: %v, %v", i, resp, err)
		}
		if resp := <-client.Watch(ctx, key(0), clientv3.WithRev(last-10)); resp.CompactRevision != last-5 {
			t.Errorf("replica %d: a watch from below: %+v", i, resp)
		}
	}
}

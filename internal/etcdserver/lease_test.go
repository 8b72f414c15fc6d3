package etcdserver_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

func TestLease(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		granted, err := e.lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: 100})
		if err != nil || granted.ID == 0 || granted.TTL != 100 || granted.Header.Revision != 1 {
			t.Fatalf("grant: %v, %v", granted, err)
		}
		for _, k := range []string{"b", "a"} {
			if _, err := e.kv.Put(ctx, &pb.PutRequest{Key: []byte(k), Lease: granted.ID}); err != nil {
				t.Fatal(err)
			}
		}
		left, err := e.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: granted.ID, Keys: true})
		if err != nil || left.GrantedTTL != 100 || left.TTL < 1 || left.TTL > 100 || len(left.Keys) != 2 {
			t.Fatalf("time to live: %v, %v", left, err)
		}
		renewed, err := e.client.KeepAliveOnce(ctx, clientv3.LeaseID(granted.ID))
		if err != nil || renewed.TTL != 100 {
			t.Fatalf("keep alive: %v, %v", renewed, err)
		}
		all, err := e.lease.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
		if err != nil || len(all.Leases) != 1 || all.Leases[0].ID != granted.ID {
			t.Fatalf("leases: %v, %v", all, err)
		}
		revoked, err := e.lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: granted.ID})
		if err != nil || revoked.Header.Revision != 4 {
			t.Fatalf("revoke: %v, %v", revoked, err)
		}
		gone, err := e.kv.Range(ctx, &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("c")})
		if err != nil || gone.Count != 0 {
			t.Fatalf("after the revocation: %v, %v", gone, err)
		}
		left, err = e.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: granted.ID})
		if err != nil || left.TTL != -1 || left.ID != granted.ID {
			t.Fatalf("time to live of nothing: %v, %v", left, err)
		}
	})
}

// Keeping a lease alive over clientv3's stream, and what becomes of it after.
func TestLeaseKeepAlive(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		lease, err := e.client.Grant(ctx, 60)
		if err != nil {
			t.Fatal(err)
		}
		alive, err := e.client.KeepAlive(ctx, lease.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r := <-alive; r == nil || r.TTL != 60 {
			t.Fatalf("got %v", r)
		}
		stream, err := e.lease.LeaseKeepAlive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []int64{int64(lease.ID), 12345} {
			if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: id}); err != nil {
				t.Fatal(err)
			}
			want := int64(60)
			if id == 12345 {
				want = 0
			}
			if r, err := stream.Recv(); err != nil || r.ID != id || r.TTL != want {
				t.Fatalf("got %v, %v", r, err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if r, err := stream.Recv(); err == nil {
			t.Errorf("after the end: %v", r)
		}
	})
}

// A lease that runs out deletes its keys at one revision, and watches see it.
func TestLeaseExpiry(t *testing.T) {
	onBoth(t, etcdserver.Options{EagerProgress: -1, MinLeaseTTL: 1}, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		s := e.watchStream(t)
		req := prefix("k")
		req.PrevKv = true
		s.create(req)
		granted, err := e.lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: 1})
		if err != nil || granted.TTL != 1 {
			t.Fatalf("grant: %v, %v", granted, err)
		}
		for _, k := range []string{"k1", "k2"} {
			if _, err := e.kv.Put(ctx, &pb.PutRequest{Key: []byte(k), Value: []byte("v"), Lease: granted.ID}); err != nil {
				t.Fatal(err)
			}
		}
		events := s.events(4)
		for _, ev := range events[2:] {
			if ev.Type.String() != "DELETE" || ev.Kv.ModRevision != 4 || string(ev.PrevKv.GetValue()) != "v" {
				t.Errorf("got %v", ev)
			}
		}
	})
}

func TestLeaseMinimum(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		for _, ttl := range []int64{-1, 0, 1, 2} {
			r, err := e.lease.LeaseGrant(testContext(t), &pb.LeaseGrantRequest{TTL: ttl})
			if err != nil || r.TTL != 2 {
				t.Errorf("TTL %d: %v, %v", ttl, r, err)
			}
		}
	})
}

package etcdserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// besides calls one method, with a number that counts its calls. Whether the call succeeds does not
// matter here; a race does.
type besides map[string]func(ctx context.Context, e *endpoint, i int64)

// serverMethods are the methods of Server that a caller in the process has. Stop is called by the
// test itself.
var serverMethods = besides{
	"Cluster":     func(context.Context, *endpoint, int64) {}, // what they return is called below
	"KV":          func(context.Context, *endpoint, int64) {},
	"Lease":       func(context.Context, *endpoint, int64) {},
	"Maintenance": func(context.Context, *endpoint, int64) {},
	"Watch":       func(context.Context, *endpoint, int64) {},
	"GRPCOptions": func(_ context.Context, e *endpoint, _ int64) { e.srv.GRPCOptions() },
	"Register":    func(_ context.Context, e *endpoint, _ int64) { e.srv.Register(grpc.NewServer()) },
	"Go":          func(_ context.Context, e *endpoint, _ int64) { e.srv.Go(func() {}) },
	"Stopping": func(_ context.Context, e *endpoint, _ int64) {
		select {
		case <-e.srv.Stopping():
		default:
		}
	},
	"Stats": func(_ context.Context, e *endpoint, _ int64) { readAll(e.srv.Stats(), nil) },
	"Serve": func(_ context.Context, e *endpoint, i int64) {
		if i > 0 {
			time.Sleep(10 * time.Millisecond) // each listener stays until Stop
			return
		}
		if lis, err := etcdserver.Listen("tcp://127.0.0.1:0", nil); err == nil {
			_ = e.srv.Serve(lis)
		}
	},
	"RangeChunks": func(ctx context.Context, e *endpoint, i int64) {
		chunks, err := e.srv.RangeChunks(ctx, &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l")})
		for err == nil {
			var chunk *pb.RangeStreamResponse
			chunk, err = chunks.Next()
			readAll(chunk, err)
		}
	},
}

// protocolMethods are those of the services, called as a client calls them.
var protocolMethods = besides{
	"etcdserverpb.KV/Range": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.kv.Range(ctx, &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), Revision: max(e.store.Revision()-i%20, 1)})
		readAll(r, err)
	},
	"etcdserverpb.KV/RangeStream": func(ctx context.Context, e *endpoint, i int64) {
		stream, err := e.kv.RangeStream(ctx, &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l")})
		for err == nil {
			var r *pb.RangeStreamResponse
			r, err = stream.Recv()
			readAll(r, err)
		}
	},
	"etcdserverpb.KV/Put": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.kv.Put(ctx, &pb.PutRequest{Key: keyOf(i), Value: fmt.Append(nil, i), PrevKv: true, Lease: i % 2 * leaseOf(i)})
		readAll(r, err)
	},
	"etcdserverpb.KV/DeleteRange": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: keyOf(i), PrevKv: true})
		readAll(r, err)
	},
	"etcdserverpb.KV/Txn": func(ctx context.Context, e *endpoint, i int64) {
		put := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: keyOf(i), Value: fmt.Append(nil, i)}}}
		get := &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: keyOf(i)}}}
		r, err := e.kv.Txn(ctx, &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: keyOf(i), Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Lease{Lease: 0}}},
			Success: []*pb.RequestOp{put, get}, Failure: []*pb.RequestOp{get},
		})
		readAll(r, err)
	},
	"etcdserverpb.KV/Compact": func(ctx context.Context, e *endpoint, i int64) {
		time.Sleep(time.Millisecond)
		r, err := e.kv.Compact(ctx, &pb.CompactionRequest{Revision: max(e.store.Revision()-20, 1), Physical: i%8 == 0})
		readAll(r, err)
	},
	"etcdserverpb.Watch/Watch": func(ctx context.Context, e *endpoint, i int64) {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		stream, err := e.watch.Watch(ctx)
		if err != nil {
			return
		}
		for id := range int64(2) {
			_ = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
				WatchId: id + 1, Key: []byte("k"), RangeEnd: []byte("l"), PrevKv: true, ProgressNotify: true, StartRevision: max(e.store.Revision()-i%20, 1),
			}}})
		}
		_ = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
		_ = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: 1}}})
		for range 10 {
			r, err := stream.Recv()
			readAll(r, err)
			if err != nil {
				return
			}
		}
	},
	"etcdserverpb.Lease/LeaseGrant": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: leaseOf(i), TTL: 2 + i%3})
		readAll(r, err)
	},
	"etcdserverpb.Lease/LeaseRevoke": func(ctx context.Context, e *endpoint, i int64) {
		time.Sleep(time.Millisecond) // leave something to renew
		r, err := e.lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: leaseOf(i)})
		readAll(r, err)
	},
	"etcdserverpb.Lease/LeaseKeepAlive": func(ctx context.Context, e *endpoint, i int64) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := e.lease.LeaseKeepAlive(ctx)
		for n := int64(0); err == nil && n < 5; n++ {
			if err = stream.Send(&pb.LeaseKeepAliveRequest{ID: leaseOf(i + n)}); err == nil {
				var r *pb.LeaseKeepAliveResponse
				r, err = stream.Recv()
				readAll(r, err)
			}
		}
	},
	"etcdserverpb.Lease/LeaseTimeToLive": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: leaseOf(i), Keys: i%2 == 0})
		readAll(r, err)
	},
	"etcdserverpb.Lease/LeaseLeases": func(ctx context.Context, e *endpoint, i int64) {
		r, err := e.lease.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
		readAll(r, err)
	},
	"etcdserverpb.Cluster/MemberList":     unary(pb.ClusterServer.MemberList),
	"etcdserverpb.Cluster/MemberAdd":      unary(pb.ClusterServer.MemberAdd),
	"etcdserverpb.Cluster/MemberRemove":   unary(pb.ClusterServer.MemberRemove),
	"etcdserverpb.Cluster/MemberUpdate":   unary(pb.ClusterServer.MemberUpdate),
	"etcdserverpb.Cluster/MemberPromote":  unary(pb.ClusterServer.MemberPromote),
	"etcdserverpb.Maintenance/Alarm":      unary(pb.MaintenanceServer.Alarm),
	"etcdserverpb.Maintenance/Status":     unary(pb.MaintenanceServer.Status),
	"etcdserverpb.Maintenance/Defragment": unary(pb.MaintenanceServer.Defragment),
	"etcdserverpb.Maintenance/Hash":       unary(pb.MaintenanceServer.Hash),
	"etcdserverpb.Maintenance/HashKV":     unary(pb.MaintenanceServer.HashKV),
	"etcdserverpb.Maintenance/MoveLeader": unary(pb.MaintenanceServer.MoveLeader),
	"etcdserverpb.Maintenance/Downgrade":  unary(pb.MaintenanceServer.Downgrade),
	"etcdserverpb.Maintenance/Snapshot": func(_ context.Context, e *endpoint, _ int64) {
		_ = e.srv.Maintenance().Snapshot(&pb.SnapshotRequest{}, nil) // refused before it needs a stream
	},
}

// unary calls a method of one of the smaller services, which have no client of their own here.
func unary[S, Req, Resp any](call func(S, context.Context, *Req) (Resp, error)) func(context.Context, *endpoint, int64) {
	return func(ctx context.Context, e *endpoint, _ int64) {
		var service any = e.srv.Cluster()
		if _, ok := service.(S); !ok {
			service = e.srv.Maintenance()
		}
		r, err := call(service.(S), ctx, new(Req))
		readAll(r, err)
	}
}

func keyOf(i int64) []byte  { return fmt.Appendf(nil, "k%d", i%7) }
func leaseOf(i int64) int64 { return 1 + i%3 }

// readAll reads all memory that an answer reaches.
func readAll(v any, err error) {
	if err == nil {
		_, _ = json.Marshal(v)
	}
}

// TestMethodsBesidesEachOther: every exported method of the Server and every method of its services
// runs beside every other one, and beside Stop. `make race` runs it under the race detector.
func TestMethodsBesidesEachOther(t *testing.T) {
	typ := reflect.TypeFor[*etcdserver.Server]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; name != "Stop" && serverMethods[name] == nil {
			t.Errorf("Server.%s is not called: add it to serverMethods", name)
		}
	}
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		registered := grpc.NewServer()
		e.srv.Register(registered)
		for service, info := range registered.GetServiceInfo() {
			// Health is gRPC's own, and the refusals of Auth hold nothing.
			if service == healthpb.Health_ServiceDesc.ServiceName || service == "etcdserverpb.Auth" {
				continue
			}
			for _, m := range info.Methods {
				if name := service + "/" + m.Name; protocolMethods[name] == nil {
					t.Errorf("%s is not called: add it to protocolMethods", name)
				}
			}
		}
		const rounds = 30
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var running, enough sync.WaitGroup
		var stopped atomic.Bool
		for _, methods := range []besides{serverMethods, protocolMethods} {
			for name, call := range methods {
				if name != "Serve" { // it returns at Stop
					enough.Add(1)
				}
				running.Go(func() {
					for i := int64(0); !stopped.Load(); i++ {
						if i == rounds && name != "Serve" {
							enough.Done()
						}
						call(ctx, e, i)
						time.Sleep(200 * time.Microsecond) // so that the quick ones leave time to the others
					}
				})
			}
		}
		enough.Wait()
		var stopping sync.WaitGroup
		for range 2 {
			stopping.Go(e.srv.Stop)
		}
		stopping.Wait()
		stopped.Store(true)
		cancel()
		running.Wait()
		if e.store.Revision() < rounds {
			t.Errorf("only %d revisions were written: the calls failed, and show nothing", e.store.Revision())
		}
	})
}

package etcdserver

import (
	"math"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Server answers etcd's protocol from one store. Create it with New; all its
// methods are safe for concurrent use. The store is not the Server's: stop the
// Server first, then close the store.
type Server struct {
	store  *mvcc.Store
	opts   Options
	nudges nudges
	health *health.Server

	counters counters
	watchers watcherSet

	kv          *kvService
	watch       *watchService
	lease       *leaseService
	cluster     *clusterService
	maintenance *maintenanceService

	// stopping is closed by Stop; watch streams end when it is.
	stopping chan struct{}

	mu        sync.Mutex
	stopped   bool
	grpc      *grpc.Server // created by the first Serve
	addresses []string     // client URLs of the listeners served
	running   sync.WaitGroup
}

// New returns a Server over store.
func New(store *mvcc.Store, opts Options) *Server {
	s := &Server{
		store:    store,
		opts:     opts.withDefaults(),
		health:   health.NewServer(),
		stopping: make(chan struct{}),
	}
	s.kv = &kvService{s: s}
	s.watch = &watchService{s: s}
	s.lease = &leaseService{s: s}
	s.cluster = &clusterService{s: s}
	s.maintenance = &maintenanceService{s: s}
	return s
}

// The services, for callers in the same process (package direct).

func (s *Server) KV() pb.KVServer                   { return s.kv }
func (s *Server) Watch() pb.WatchServer             { return s.watch }
func (s *Server) Lease() pb.LeaseServer             { return s.lease }
func (s *Server) Cluster() pb.ClusterServer         { return s.cluster }
func (s *Server) Maintenance() pb.MaintenanceServer { return s.maintenance }

// Register adds every service to g. Use it with GRPCOptions for a gRPC server
// of your own; Stop does not stop that one.
func (s *Server) Register(g grpc.ServiceRegistrar) {
	pb.RegisterKVServer(g, s.kv)
	pb.RegisterWatchServer(g, s.watch)
	pb.RegisterLeaseServer(g, s.lease)
	pb.RegisterClusterServer(g, s.cluster)
	pb.RegisterMaintenanceServer(g, s.maintenance)
	pb.RegisterAuthServer(g, authService{s: s})
	healthpb.RegisterHealthServer(g, s.health)
}

// GRPCOptions are the options that etcd's clients need of a gRPC server.
func (s *Server) GRPCOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		// etcd's clients ping every 30 s by default, also while idle. grpc-go
		// would hang up on pings closer than five minutes.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             5 * time.Second,
			PermitWithoutStream: true,
		}),
		// Room above MaxRequestBytes, so that a write too large gets etcd's
		// own error.
		grpc.MaxRecvMsgSize(max(4*s.opts.MaxRequestBytes, 16<<20)),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(math.MaxUint32),
		// Workers keep their grown stacks between calls, which saves some 7 % of
		// the processor time of a call. Beyond them each stream gets a goroutine.
		grpc.NumStreamWorkers(64),
	}
	if s.opts.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(s.opts.TLS)))
	}
	return opts
}

// Serve answers gRPC clients on lis until Stop, and then returns nil; any
// other end is an error. It may be called for several listeners.
func (s *Server) Serve(lis net.Listener) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		_ = lis.Close()
		return grpc.ErrServerStopped
	}
	if s.grpc == nil {
		s.grpc = grpc.NewServer(s.GRPCOptions()...)
		s.Register(s.grpc)
	}
	g := s.grpc
	s.addresses = append(s.addresses, clientURL(lis.Addr(), s.opts.TLS != nil))
	s.mu.Unlock()
	return g.Serve(lis)
}

// stopGrace is how long Stop lets unary calls finish.
const stopGrace = 2 * time.Second

// Stop ends every stream with etcd's "server stopped", lets calls in flight
// finish for a moment, closes the listeners, and waits for every goroutine of
// the Server, those of direct streams included. Idempotent.
func (s *Server) Stop() {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	g := s.grpc
	s.mu.Unlock()
	if first {
		close(s.stopping)
		s.health.Shutdown()
	}
	if g != nil {
		force := time.AfterFunc(stopGrace, g.Stop)
		g.GracefulStop()
		force.Stop()
	}
	s.running.Wait()
}

// Go runs f in a goroutine that Stop waits for; f must end soon after
// Stopping. False means that the Server has been stopped and f does not run.
func (s *Server) Go(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.running.Go(f)
	return true
}

// Stopping is closed when Stop has been called.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

func (s *Server) clientURLs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.addresses) == 0 {
		// Clients refuse a member without one; this name never resolves.
		return []string{"http://in-process.invalid"}
	}
	return append([]string(nil), s.addresses...)
}

package direct

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// NewClient returns a client of srv for KV, Watch, Lease, Maintenance and
// Cluster. It holds no goroutine until something is watched or kept alive;
// Close ends those. SetEndpoints, Sync and the Auth calls are not for it.
func NewClient(srv *etcdserver.Server) *kubernetes.Client {
	c := clientv3.NewCtxClient(context.Background())
	c.KV = clientv3.NewKVFromKVClient(kv{srv}, c)
	c.Watcher = clientv3.NewWatchFromWatchClient(watch{srv}, c)
	// A second stands for clientv3's own time-out of the first keep-alive.
	c.Lease = clientv3.NewLeaseFromLeaseClient(lease{srv}, c, time.Second)
	c.Maintenance = clientv3.NewMaintenanceFromMaintenanceClient(maintenance{srv}, c)
	c.Cluster = clientv3.NewClusterFromClusterClient(cluster{srv}, c)
	k := &kubernetes.Client{Client: c}
	k.Kubernetes = k
	return k
}

// The protocol's own clients, for callers that want requests and answers as they
// are, without clientv3.

func KVClient(srv *etcdserver.Server) pb.KVClient       { return kv{srv} }
func WatchClient(srv *etcdserver.Server) pb.WatchClient { return watch{srv} }
func LeaseClient(srv *etcdserver.Server) pb.LeaseClient { return lease{srv} }

// EndpointClient is what the API server's feature check asks: a list of
// endpoints and the status of each.
type EndpointClient struct {
	client *kubernetes.Client
}

// Endpoint presents a direct client as one that has an endpoint.
func Endpoint(c *kubernetes.Client) EndpointClient { return EndpointClient{client: c} }

// Endpoints names the one endpoint; the name means nothing.
func (EndpointClient) Endpoints() []string { return []string{"in-process"} }

// Status is the server's, whatever the endpoint is called.
func (e EndpointClient) Status(ctx context.Context, endpoint string) (*clientv3.StatusResponse, error) {
	return e.client.Status(ctx, endpoint)
}

package direct

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// watch is pb.WatchClient on the server's Watch service.
type watch struct{ srv *etcdserver.Server }

func (c watch) Watch(ctx context.Context, _ ...grpc.CallOption) (pb.Watch_WatchClient, error) {
	return openPipe[pb.WatchRequest, pb.WatchResponse](ctx, c.srv, func(s *serverSide[pb.WatchRequest, pb.WatchResponse]) error {
		return c.srv.Watch().Watch(s)
	})
}

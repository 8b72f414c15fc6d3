package metrics

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func watchClient(ctx context.Context, t *testing.T, endpoint *etcdserver.Server) pb.Watch_WatchClient {
	t.Helper()
	stream, err := direct.WatchClient(endpoint).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

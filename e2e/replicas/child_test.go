package replicas

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// childEnv holds the settings of a replica, as JSON.
const childEnv = "ARK_REPLICAS_TEST_CHILD"

type orders struct {
	Place  engine.Place
	Listen string
}

// child is one replica: a store on the shared database behind an etcd endpoint, as in the server,
// until SIGTERM.
func child() error {
	var o orders
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	e, err := o.Place.Open(ctx, log)
	if err != nil {
		return fmt.Errorf("open the engine: %w", err)
	}
	// A ring this small is soon too short for the watchers, so that the log is read too.
	store, err := mvcc.Open(ctx, e, mvcc.Options{RingCommits: 4096})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	server := etcdserver.New(store, etcdserver.Options{Log: log})
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		server.Stop()
	}()
	fmt.Println("ready")
	if err := server.Serve(l); err != nil {
		return err
	}
	server.Stop()
	return store.Close()
}

// listen waits for a predecessor's port, which the kernel may hold for a moment.
func listen(ctx context.Context, address string) (net.Listener, error) {
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

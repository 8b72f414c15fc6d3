package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// serveCommand makes this program serve ark-server's endpoint on the database in the folder that
// follows. The socket variant therefore runs in a separate process, like etcd and kine.
const serveCommand = "serve-ark-endpoint"

var serving = regexp.MustCompile(`serving on (http://\S+)`)

// startArkEndpoint runs this program again with serveCommand.
func startArkEndpoint(ctx context.Context, dir string) (*component.Endpoint, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p, err := component.Start(component.Command{Path: self, Name: "ark endpoint", Args: []string{serveCommand, dir}})
	if err != nil {
		return nil, err
	}
	found, err := p.WaitStdout(ctx, serving)
	if err != nil {
		p.Kill()
		return nil, err
	}
	return &component.Endpoint{Process: p, URL: found[1]}, nil
}

// serve runs in the child: it serves until SIGTERM.
func serve(args []string) error {
	if len(args) != 1 {
		return errors.New(serveCommand + " needs a folder")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	server, closeStore, err := openEndpoint(ctx, args[0])
	if err != nil {
		return err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), closeStore())
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(lis) }()
	fmt.Printf("serving on http://%s\n", lis.Addr())
	<-ctx.Done()
	server.Stop()
	return errors.Join(<-ended, closeStore())
}

// openArkDirect opens the endpoint in this process, for clients in the same process.
func openArkDirect(ctx context.Context, dir string) ([]*kubernetes.Client, func(), error) {
	server, closeStore, err := openEndpoint(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	return directClients(server, closeStore)
}

// directClients returns clients of an endpoint in this process.
func directClients(server *etcdserver.Server, closeStore func() error) ([]*kubernetes.Client, func(), error) {
	var clients []*kubernetes.Client
	for range connections {
		clients = append(clients, direct.NewClient(server))
	}
	return clients, func() {
		for _, c := range clients {
			_ = c.Close() // Reports only that its context ended.
		}
		server.Stop()
		if err := closeStore(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}

// openEndpoint opens a store with the default settings, which are durable, and the etcd services on
// it.
func openEndpoint(ctx context.Context, dir string) (*etcdserver.Server, func() error, error) {
	engine, err := sqlite.Open(ctx, filepath.Join(dir, "ark.db"), sqlite.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	return openStore(ctx, engine)
}

func openStore(ctx context.Context, engine mvcc.Engine) (*etcdserver.Server, func() error, error) {
	store, err := mvcc.Open(ctx, engine, mvcc.Options{})
	if err != nil {
		return nil, nil, err
	}
	return etcdserver.New(store, etcdserver.Options{}), store.Close, nil
}

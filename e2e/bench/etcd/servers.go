package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// openReplicas opens endpoints in this process, on one database of a separate server, and
// distributes the clients over them.
func openReplicas(storage string, replicas int) func(context.Context, string) ([]*kubernetes.Client, func(), error) {
	return func(ctx context.Context, _ string) ([]*kubernetes.Client, func(), error) {
		place, stop, err := engine.Serve(ctx, storage, "")
		if err != nil {
			return nil, nil, err
		}
		var clients []*kubernetes.Client
		closers := []func(){func() { report(stop()) }}
		closeAll := func() {
			for i := len(closers) - 1; i >= 0; i-- {
				closers[i]()
			}
		}
		for range replicas {
			e, err := place.Open(ctx, slog.Default())
			if err != nil {
				closeAll()
				return nil, nil, fmt.Errorf("open the database: %w", err)
			}
			server, closeStore, err := openStore(ctx, e)
			if err != nil {
				closeAll()
				return nil, nil, errors.Join(err, e.Close())
			}
			own, closeOwn, err := directClients(server, closeStore)
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			closers = append(closers, closeOwn)
			clients = append(clients, own...)
		}
		return clients, closeAll, nil
	}
}

// startKineOn starts kine on a database of a separate server.
func startKineOn(storage string, args ...string) func(context.Context, string) ([]*kubernetes.Client, func(), error) {
	return func(ctx context.Context, dir string) ([]*kubernetes.Client, func(), error) {
		place, stop, err := engine.Serve(ctx, storage, "")
		if err != nil {
			return nil, nil, err
		}
		c := place.Config
		database := fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", c.User, c.Host, c.Port, c.Name)
		if storage == engine.MySQL {
			database = fmt.Sprintf("mysql://%s@tcp(%s:%d)/%s", c.User, c.Host, c.Port, c.Name)
		}
		start := func(ctx context.Context, dir string) (*component.Endpoint, error) {
			return component.StartKineOn(ctx, dir, database, args...)
		}
		clients, closeKine, err := external(start)(ctx, dir)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		return clients, func() { closeKine(); report(stop()) }, nil
	}
}

func report(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

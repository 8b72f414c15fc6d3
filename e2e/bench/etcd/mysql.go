package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// openArkMySQL opens the endpoint in this process on a MariaDB server of its own,
// with that server's default settings.
func openArkMySQL(ctx context.Context, _ string) ([]*kubernetes.Client, func(), error) {
	db, err := sqltest.StartMariaDB(context.WithoutCancel(ctx), sqltest.MariaDBOptions{})
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		if err := db.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	cfg, _, err := db.CreateDatabase(ctx)
	if err != nil {
		stop()
		return nil, nil, err
	}
	engine, err := mysql.Open(ctx, cfg, mysql.Options{})
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	server, closeStore, err := openStore(ctx, engine)
	if err != nil {
		stop()
		return nil, nil, errors.Join(err, engine.Close())
	}
	clients, closeAll, err := directClients(server, closeStore)
	return clients, func() { closeAll(); stop() }, err
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

const (
	valueSize  = 1 << 10
	maxClients = 64
	// connections is the number of connections to a system over TCP: the apiserver opens one for each
	// resource.
	connections = 4
	// updateKeys is how many keys each client updates in turn.
	updateKeys = 16

	listPrefix   = "/registry/ark.mckinsey.com/queries/bench/"
	updatePrefix = "/registry/ark.mckinsey.com/queries/update/"
	createPrefix = "/registry/ark.mckinsey.com/queries/create-"
	watchPrefix  = "/registry/ark.mckinsey.com/queries/watch-"
)

// store is one system under measurement, with its data loaded.
type store struct {
	name    string
	clients []*kubernetes.Client
	close   func()
	// keys are the keys under listPrefix. They are built in advance, so that a read costs only the
	// time of the system.
	keys []string
	// revisions[c][k] is the last revision of the k-th key that client c updates.
	revisions [maxClients][updateKeys]int64
}

// client is the connection that a client number uses.
func (s *store) client(c int) *kubernetes.Client { return s.clients[c%len(s.clients)] }

// system starts a store with its files in dir.
type system struct {
	name string
	open func(ctx context.Context, dir string) (clients []*kubernetes.Client, close func(), err error)
}

func allSystems() []system {
	return []system{
		{"etcd", external(component.StartEtcd)},
		{"kine", external(component.StartKine)},
		{"ark-socket", external(startArkEndpoint)},
		{"ark-direct", openArkDirect},
		{"kine-postgres", startKineOn(engine.PostgreSQL, component.LimitConnections, component.KeepConnections)},
		{"kine-postgres-stock", startKineOn(engine.PostgreSQL, component.LimitConnections)},
		{"ark-postgres", openReplicas(engine.PostgreSQL, 1)},
		{"ark-postgres-2", openReplicas(engine.PostgreSQL, 2)},
		{"ark-postgres-3", openReplicas(engine.PostgreSQL, 3)},
		{"kine-mysql", startKineOn(engine.MySQL, component.LimitConnections, component.KeepConnections)},
		{"kine-mysql-stock", startKineOn(engine.MySQL, component.LimitConnections)},
		{"ark-mysql", openReplicas(engine.MySQL, 1)},
		{"ark-mysql-2", openReplicas(engine.MySQL, 2)},
		{"ark-mysql-3", openReplicas(engine.MySQL, 3)},
	}
}

func systemNames() []string {
	var names []string
	for _, s := range allSystems() {
		names = append(names, s.name)
	}
	return names
}

// external opens a system that runs in a separate process.
func external(start func(context.Context, string) (*component.Endpoint, error)) func(context.Context, string) ([]*kubernetes.Client, func(), error) {
	return func(ctx context.Context, dir string) ([]*kubernetes.Client, func(), error) {
		e, err := start(ctx, dir)
		if err != nil {
			return nil, nil, err
		}
		var clients []*kubernetes.Client
		stop := func() {
			for _, c := range clients {
				c.Close()
			}
			if err := e.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
		}
		for range connections {
			c, err := kubernetes.New(clientv3.Config{Endpoints: []string{e.URL}, DialTimeout: 10 * time.Second})
			if err != nil {
				stop()
				return nil, nil, fmt.Errorf("connect to %s: %w", e.URL, err)
			}
			clients = append(clients, c)
		}
		return clients, stop, nil
	}
}

// openAll starts the selected systems and loads them. With an error it also returns the stores that
// it has opened, for the caller to close.
func openAll(ctx context.Context, o options, dir string) ([]*store, error) {
	var stores []*store
	for _, name := range o.systems {
		for _, sys := range allSystems() {
			if sys.name != name {
				continue
			}
			own := filepath.Join(dir, name)
			if err := os.MkdirAll(own, 0o755); err != nil {
				return stores, fmt.Errorf("make a folder for %s: %w", name, err)
			}
			starting, cancel := context.WithTimeout(ctx, time.Minute)
			clients, stop, err := sys.open(starting, own)
			cancel()
			if err != nil {
				return stores, fmt.Errorf("open %s: %w", name, err)
			}
			s := &store{name: name, clients: clients, close: stop, keys: listKeys(o.keys)}
			stores = append(stores, s)
			began := time.Now()
			if err := s.load(ctx); err != nil {
				return stores, fmt.Errorf("load %s: %w", name, err)
			}
			fmt.Fprintf(os.Stderr, "bench: %s open, loaded in %s\n", name, time.Since(began).Round(10*time.Millisecond))
		}
	}
	return stores, nil
}

// load writes the keys for get and list, and the keys for update.
func (s *store) load(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make(chan error, maxClients)
	for c := range maxClients {
		wg.Go(func() {
			put := func(key string) (int64, error) {
				r, err := s.client(c).OptimisticPut(ctx, key, newValue(), 0, kubernetes.PutOptions{})
				if err == nil && !r.Succeeded {
					err = fmt.Errorf("%s exists", key)
				}
				return r.Revision, err
			}
			for k := range updateKeys {
				revision, err := put(updateKey(c, k))
				if err != nil {
					errs <- err
					return
				}
				s.revisions[c][k] = revision
			}
			for i := c; i < len(s.keys); i += maxClients {
				if _, err := put(s.keys[i]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func listKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%squery-%06d", listPrefix, i)
	}
	return keys
}

func updateKey(c, k int) string { return fmt.Sprintf("%squery-%03d-%03d", updatePrefix, c, k) }

// newValue returns a random value, which cannot be compressed.
func newValue() []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	v := make([]byte, valueSize)
	for i := 0; i < len(v); {
		for r := rand.Uint64(); r != 0 && i < len(v); r >>= 6 {
			v[i] = letters[r&63]
			i++
		}
	}
	return v
}

package component

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
)

// Endpoint is a running server of the etcd protocol.
type Endpoint struct {
	*Process
	// URL is the address for clients, with the real port.
	URL string
}

var etcdServing = regexp.MustCompile(`"serving client traffic[^}]*"address":"([^"]+)"`)

// StartEtcd starts a one-member etcd over TCP with its data in dir. Every write is synced to disk
// before it is acknowledged, which is etcd's default.
func StartEtcd(ctx context.Context, dir string) (*Endpoint, error) { return StartEtcdAt(ctx, dir, 0) }

// StartEtcdAt is StartEtcd on a port that stays the same over restarts; 0 lets etcd choose.
func StartEtcdAt(ctx context.Context, dir string, port int) (*Endpoint, error) {
	path, err := Binary("etcd")
	if err != nil {
		return nil, err
	}
	// Port 0: etcd logs the port that it got, so no other process can be mistaken for it. No process
	// connects to the peer address of a single member; it only has to match the initial cluster.
	const any = "http://127.0.0.1:0"
	client := fmt.Sprintf("http://127.0.0.1:%d", port)
	p, err := Start(Command{Path: path, Name: "etcd", Args: []string{
		"--name=e2e", "--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + any, "--initial-advertise-peer-urls=" + any, "--initial-cluster=e2e=" + any,
		// These are the apiserver's defaults for its own etcd. The quota only has to be large enough.
		"--quota-backend-bytes=8589934592", "--log-level=info",
	}})
	if err != nil {
		return nil, err
	}
	found, err := p.WaitStderr(ctx, etcdServing)
	if err != nil {
		p.Kill()
		return nil, err
	}
	return &Endpoint{Process: p, URL: "http://" + found[1]}, nil
}

// kineDurable is kine's own default DSN except for synchronous, which the default sets to NORMAL: a
// write in the WAL is then not synced before it is acknowledged. FULL matches the guarantee of etcd
// and ark-server.
const kineDurable = "?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate&_stmt_cache_size=20&cache=shared"

// Flags for kine's connection pool. By default kine opens any number of connections and keeps two.
// The first flag limits the number, which may otherwise exceed the limit of a database server. The
// second makes kine keep all of them, which gives the best performance.
const (
	LimitConnections = "--datastore-max-open-connections=64"
	KeepConnections  = "--datastore-max-idle-connections=64"
)

var kineServing = regexp.MustCompile(`Kine available at (http://[^ "\n]+)`)

// StartKine starts kine over TCP on a SQLite file in dir, with the same durability as the others.
func StartKine(ctx context.Context, dir string) (*Endpoint, error) {
	return StartKineOn(ctx, dir, fmt.Sprintf("sqlite://%s%s", filepath.Join(dir, "kine.db"), kineDurable), LimitConnections, KeepConnections)
}

// StartKineOn starts kine over TCP on the database that its --endpoint names, with more arguments.
func StartKineOn(ctx context.Context, dir, database string, args ...string) (*Endpoint, error) {
	path, err := Binary("kine")
	if err != nil {
		return nil, err
	}
	p, err := Start(Command{Path: path, Name: "kine", Dir: dir, Args: append([]string{
		"--listen-address=tcp://127.0.0.1:0", "--metrics-bind-address=0", "--endpoint=" + database,
	}, args...)})
	if err != nil {
		return nil, err
	}
	found, err := p.WaitStderr(ctx, kineServing)
	if err != nil {
		p.Kill()
		return nil, err
	}
	return &Endpoint{Process: p, URL: found[1]}, nil
}

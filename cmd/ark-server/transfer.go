package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"

	arkstorage "github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// access is what a transfer is going to do with the storage.
type access int

const (
	// toRead takes what is there; a file must be.
	toRead access = iota
	// toWrite makes what is missing.
	toWrite
	// toTakeOver is toWrite for a storage that a cluster's clients will come over to.
	toTakeOver
)

// openTransfer opens the storage for import and export, beside the replicas that may run on it. What it returns closes
// it again.
func openTransfer(ctx context.Context, o *options, as access) (*transfer.Store, func() error, error) {
	if err := o.checkGivenFiles(); err != nil {
		return nil, nil, err
	}
	if o.storage == storageEtcd {
		ctx, cancel := context.WithTimeout(ctx, storageTimeout)
		defer cancel()
		client, err := arkstorage.NewEtcdClient(ctx, arkstorage.EtcdOptions{
			Servers: o.etcdServers, CAFile: o.etcdCAFile, CertFile: o.etcdCertFile, KeyFile: o.etcdKeyFile, MaxObjectBytes: int(o.maxObjectSize),
		})
		if err != nil {
			return nil, nil, fmt.Errorf("--etcd-servers: %w: check that it runs there (ark-server with --etcd-listen, or etcd), and the --etcd-... certificate flags", err)
		}
		return transfer.NewStore(client), client.Close, nil
	}
	if !o.onServer() && as == toRead {
		if _, err := os.Stat(o.dbPath); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("--db-path=%s: there is no such file", o.dbPath)
		}
	}
	open, fresh := openEngine, false
	if as == toTakeOver {
		var err error
		if fresh, err = isNew(ctx, o); err != nil {
			return nil, nil, runningServer(err, o)
		}
		open = openEngineAbove
	}
	engine, err := open(ctx, o)
	if err != nil {
		return nil, nil, runningServer(err, o)
	}
	store, err := mvcc.Open(ctx, engine, mvcc.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.where().flag, err)
	}
	settings := o.endpointOptions()
	settings.MaxRequestBytes += recordRoom
	endpoint := etcdserver.New(store, settings)
	client := direct.NewClient(endpoint)
	closeAll := func() error {
		err := client.Close()
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		endpoint.Stop()
		return errors.Join(err, store.Close())
	}
	objects := transfer.NewStore(asImporter{client.KV})
	objects.Fresh = fresh
	return objects, closeAll, nil
}

// isNew says whether nothing has been written to the database yet.
func isNew(ctx context.Context, o *options) (bool, error) {
	engine, err := openEngine(ctx, o)
	if err != nil {
		return false, err
	}
	state, err := engine.State(ctx)
	if err := errors.Join(err, engine.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", o.where().flag, err)
	}
	return state.Revision <= 1, nil
}

// secretsFlag is --secrets. Leaving Secrets out is an error unless somebody said so.
type secretsFlag struct {
	take bool
	fs   *pflag.FlagSet
}

func (s *secretsFlag) addTo(fs *pflag.FlagSet, usage string) {
	s.fs = fs
	fs.BoolVar(&s.take, "secrets", false, usage)
}

func (s *secretsFlag) given() bool { return s.fs.Changed("secrets") }

// check makes an error of Secrets that were left out though nobody asked for it.
func (s *secretsFlag) check(summary *transfer.Summary, err error) error {
	if err != nil || summary == nil || s.given() && !s.take {
		return err
	}
	n := summary.SecretsLeftOut()
	switch {
	case n == 0:
		return nil
	case s.take:
		return fmt.Errorf("%d Secrets were left out: standard error says why; with --secrets=false that is no error", n)
	}
	return fmt.Errorf("%d Secrets were left out, and all else was done: take them with --secrets, or say --secrets=false and this is no error", n)
}

// recordRoom is for the record that goes with each object.
const recordRoom = 64 << 10

// asImporter notes with each write who made it.
type asImporter struct{ clientv3.KV }

func (a asImporter) Txn(ctx context.Context) clientv3.Txn {
	return a.KV.Txn(etcdserver.WithActor(ctx, mvcc.Actor{User: "ark-server import", UserAgent: "ark-server", Verb: "import"}))
}

// runningServer adds the way out to the error about a database that a running server has open.
func runningServer(err error, o *options) error {
	if o.storage != storageSQLite {
		return err
	}
	return fmt.Errorf("%w (or start it with --etcd-listen=unix:///path/etcd.sock, and go through that: --storage=etcd --etcd-servers=unix:///path/etcd.sock)", err)
}

// reports prints to standard error what a transfer has to say, and shows on a terminal how far it is.
func reports(to *progress) transfer.Reports {
	r := transfer.Reports{Line: to.print}
	if to.visible() {
		r.Progress = to.show
	}
	return r
}

// finish prints the summary, and makes an error of what a transfer left undone.
func finish(out io.Writer, summary *transfer.Summary, err error, hint string) error {
	if summary != nil {
		if printing := summary.Print(out); err == nil {
			err = printing
		}
	}
	if err != nil {
		return err
	}
	n := summary.Total(transfer.Refused, transfer.Conflict, transfer.Different, transfer.Missing, transfer.Surplus)
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d %s", n, hint)
}

// closing closes a storage after all else, and adds its error.
func closing(err *error, closeAll func() error) { *err = errors.Join(*err, closeAll()) }

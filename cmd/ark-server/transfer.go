package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// access is how a transfer uses the storage.
type access int

const (
	// toRead reads existing data; an SQLite file must exist.
	toRead access = iota
	// toWrite creates what is missing.
	toWrite
	// toTakeOver is toWrite for a storage to which the clients of a cluster will move.
	toTakeOver
)

// openTransfer opens the storage for import and export; replicas may be running on it. The second
// result closes it. secrets selects whether Secrets are transferred too.
func openTransfer(ctx context.Context, o *options, as access, secrets bool) (*transfer.Store, func() error, error) {
	if err := o.checkGivenFiles(); err != nil {
		return nil, nil, err
	}
	if o.storage == storageSQLite && as == toRead {
		if _, err := os.Stat(o.dbPath); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("--db-path=%s: there is no such file", o.dbPath)
		}
	}
	if as != toRead {
		if err := o.makeDataDir(); err != nil {
			return nil, nil, err
		}
	}
	data := o.data()
	data.TakesOver = as == toTakeOver
	client, err := server.OpenClient(ctx, data)
	if err != nil {
		return nil, nil, o.withTransferFlags(err)
	}
	objects := transfer.NewStore(client.KV)
	objects.Fresh = client.New
	keys, err := encryption.Reader(ctx, o.encryptionFile(), client.KV)
	switch {
	case err != nil && secrets:
		return nil, nil, errors.Join(fmt.Errorf("%w (--keys-dir, or --encryption-provider-config, says where it is)", err), client.Close())
	case err == nil && keys != nil:
		objects.Sealer = keys
	}
	return objects, client.Close, nil
}

// withTransferFlags is withFlags with different texts for commands that do not serve.
func (o *options) withTransferFlags(err error) error {
	var e *server.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Setting == server.SettingEtcd:
		return fmt.Errorf("--etcd-servers: %w: check that it runs there (ark-server with --etcd-listen, or etcd), and the --etcd-... certificate flags", e.Err)
	case e.Setting == server.SettingDatabase && o.storage == storageSQLite:
		// A running server may have the file open.
		return fmt.Errorf("%w (or start it with --etcd-listen=unix:///path/etcd.sock, and go through that: --storage=etcd --etcd-servers=unix:///path/etcd.sock)", o.withFlags(err))
	}
	return o.withFlags(err)
}

// secretsFlag is --secrets. Leaving out Secrets is an error unless the flag asks for it.
type secretsFlag struct {
	take bool
	fs   *pflag.FlagSet
}

func (s *secretsFlag) addTo(fs *pflag.FlagSet, usage string) {
	s.fs = fs
	fs.BoolVar(&s.take, "secrets", false, usage)
}

func (s *secretsFlag) given() bool { return s.fs.Changed("secrets") }

// check returns an error if Secrets were left out and the flag did not ask for it.
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

// reports prints the messages of a transfer to standard error, and shows its progress on a
// terminal.
func reports(to *progress) transfer.Reports {
	r := transfer.Reports{Line: to.print, Explain: remediedWarning}
	if to.visible() {
		r.Progress = to.show
	}
	return r
}

// finish prints the summary, and returns an error if the transfer is incomplete.
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

// closing closes a storage at the end, and adds its error.
func closing(err *error, closeAll func() error) { *err = errors.Join(*err, closeAll()) }

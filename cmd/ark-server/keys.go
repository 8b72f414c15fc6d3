package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/sharedkeys"
)

const aboutKeys = `Share the keys of standalone servers through the database that they have in common: certificate authority,
admin's token, key of service accounts, keys of Secrets. Servers that are started with --keys-passphrase-file do so by
themselves. share is for other keys than those: it shares those in --keys-dir in their place, and makes what is missing there.

  ark-server keys share      # after a key in --keys-dir was changed or removed, or with a new passphrase
  ark-server keys unshare    # removes them from the database; each server keeps its folder

Start the servers again after either. Restart one at a time, and none is away.`

func newKeysCommand() *cobra.Command {
	return parent("keys", "keys share or keys unshare", "Share the keys of several servers through their database", aboutKeys, newShareKeysCommand(), newUnshareKeysCommand())
}

func newShareKeysCommand() *cobra.Command {
	o := newOptions()
	return withFlags(&cobra.Command{
		Use:   "share",
		Short: "Share the keys in --keys-dir with the other servers on the database",
		Long:  aboutKeys,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			client, err := o.openForKeys(cmd)
			if err != nil {
				return err
			}
			defer closing(&err, client.Close)
			if o.keysPassphrase == "" {
				return usageError{errors.New("--keys-passphrase-file is missing: name a file with the passphrase that all servers are given")}
			}
			if err := o.standalone().SharedKeys(client.KV).Replace(cmd.Context()); err != nil {
				return o.withSharedKeysFix(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the keys in %s are shared; start the servers again with this passphrase\n", o.keys())
			return err
		},
	}, o.serverFlags()...)
}

func newUnshareKeysCommand() *cobra.Command {
	o := newOptions()
	return withFlags(&cobra.Command{
		Use:   "unshare",
		Short: "Remove the shared keys from the database",
		Long:  aboutKeys,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			client, err := o.openForKeys(cmd)
			if err != nil {
				return err
			}
			defer closing(&err, client.Close)
			if err := sharedkeys.Stop(cmd.Context(), client.KV); err != nil {
				return fmt.Errorf("%s: %w", o.databaseFlag(), err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "the keys are not shared through the database any more; start the servers again without --keys-passphrase-file, and with the same folder of keys")
			return err
		},
	}, o.serverFlags()...)
}

// openForKeys opens the storage while servers may be running on it.
func (o *options) openForKeys(cmd *cobra.Command) (*server.Client, error) {
	if err := o.locate(cmd); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, usageError{err}
	}
	if o.mode == modeAggregated {
		return nil, usageError{fmt.Errorf("--mode=%s: is for standalone servers; those in a cluster have no keys of their own", o.mode)}
	}
	if !o.data().Shared() {
		return nil, usageError{errors.New("--storage=sqlite: the database is one server's, and so are its keys")}
	}
	if err := o.checkGivenFiles(); err != nil {
		return nil, err
	}
	client, err := server.OpenClient(cmd.Context(), o.data())
	if err != nil {
		return nil, o.withTransferFlags(err)
	}
	return client, nil
}

// validateSharedKeys returns the faults of --keys-passphrase-file.
func (o *options) validateSharedKeys() error {
	switch {
	case o.keysPassphrase == "":
		return nil
	case o.mode == modeAggregated:
		return fmt.Errorf("--keys-passphrase-file=%s: is for standalone servers: leave it out with --mode=%s", o.keysPassphrase, o.mode)
	case !o.data().Shared():
		return fmt.Errorf("--keys-passphrase-file=%s: with --storage=%s the database is one server's, and so are its keys: leave it out", o.keysPassphrase, o.storage)
	}
	return nil
}

// withSharedKeysFix adds to an error about shared keys the flags that it is about, and the command
// that fixes it.
func (o *options) withSharedKeysFix(err error) error {
	var conflict *sharedkeys.ConflictError
	var missing *encryption.KeyError
	switch {
	case errors.Is(err, sharedkeys.ErrShared):
		return fmt.Errorf("--keys-passphrase-file is missing: %w", err)
	case errors.As(err, &conflict):
		return fmt.Errorf("--keys-dir=%s: %w (ark-server keys share)", o.keys(), err)
	case errors.As(err, &missing):
		return fmt.Errorf("--keys-dir=%s: %w%s", o.keys(), err, lostKeyFix(missing))
	case o.keysPassphrase == "":
		return fmt.Errorf("%s: %w", o.databaseFlag(), err)
	}
	return fmt.Errorf("--keys-passphrase-file=%s: %w", o.keysPassphrase, err)
}

// lostKeyFix returns further fixes for a missing key of Secrets.
func lostKeyFix(e *encryption.KeyError) string {
	if !e.Shared {
		return ""
	}
	return "; should it be lost, and there be no Secrets: stop all servers, and run ark-server secrets forget-key"
}

// rotateShared adds a key to the keys of Secrets that the servers share through the database.
func (o *options) rotateShared(cmd *cobra.Command, rotate func(file string, settle func() error) error, wait func(context.Context) error) (err error) {
	client, err := o.openForKeys(cmd)
	if err != nil {
		return err
	}
	defer closing(&err, client.Close)
	err = o.standalone().SharedKeys(client.KV).Change(cmd.Context(), func(dir string, share func() error) error {
		settle := func() error {
			if err := share(); err != nil {
				return err
			}
			return wait(cmd.Context())
		}
		if err := rotate(encryptionFileIn(dir), settle); err != nil {
			return err
		}
		return share()
	})
	if err != nil {
		return o.withSharedKeysFix(err)
	}
	return nil
}

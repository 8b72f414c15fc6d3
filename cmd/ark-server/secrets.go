package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/encryption"
)

const aboutSecrets = `Secrets of a standalone server are stored encrypted, with the keys in the file encryption.yaml of its
--keys-dir. rotate-key adds a key, with which everything is encrypted from then on; what is stored is encrypted
again by the servers that run, within seconds, or by the next start. Earlier keys stay in the file: backups need them.

  ark-server secrets rotate-key

Servers on one database must have the same keys: let them share the folder, or share the keys through the database
(--keys-passphrase-file). The new key is added first and used after --settle, so that all of them know it by then.

A server does not start on a database server where others have used a key that it does not have. forget-key is for
a key that is lost: it lets servers with another one start, if there are no Secrets. Stop all servers before.`

func newSecretsCommand() *cobra.Command {
	return parent("secrets", "secrets rotate-key or secrets forget-key", "Change the key with which Secrets are stored", aboutSecrets, newRotateKeyCommand(), newForgetKeyCommand())
}

func newRotateKeyCommand() *cobra.Command {
	o := newOptions()
	settle := 3 * encryption.Poll
	flags := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.DurationVar(&settle, "settle", settle, "how long servers that run have to read the new key, before it is used")
	})
	return withFlags(&cobra.Command{
		Use:   "rotate-key",
		Short: "Add a key, with which Secrets are stored from then on",
		Long:  aboutSecrets,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			if settle < 0 {
				return usageError{fmt.Errorf("--settle=%s: use a duration such as 15s, or 0 where no server runs", settle)}
			}
			if o.encryptionConfig != "" {
				return usageError{fmt.Errorf("--encryption-provider-config=%s: that file is yours: add a key there as the second of its provider, wait until every server has read it, and make it the first", o.encryptionConfig)}
			}
			wait := func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(settle):
					return nil
				}
			}
			var name string
			rotate := func(file string, settle func() error) (err error) {
				name, err = encryption.Rotate(file, time.Now(), settle)
				return err
			}
			if o.keysPassphrase != "" {
				if err := o.rotateShared(cmd, rotate, wait); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "Secrets are stored with %s from now on; the servers write it to their %s: copy that to your backup\n", name, encryption.FileName)
				return err
			}
			file := o.encryptionFile()
			if err := rotate(file, func() error { return wait(cmd.Context()) }); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: Secrets are stored with %s from now on; copy the file to your backup\n", file, name)
			return err
		},
	}, append([]flagGroup{flags}, o.serverFlags()...)...)
}

func newForgetKeyCommand() *cobra.Command {
	o := newOptions()
	return withFlags(&cobra.Command{
		Use:   "forget-key",
		Short: "Let servers with another key start on a database without Secrets",
		Long:  aboutSecrets,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			client, err := o.openForKeys(cmd)
			if err != nil {
				return err
			}
			defer closing(&err, client.Close)
			if err := encryption.Ensure(o.encryptionFile(), time.Now()); err != nil {
				return err
			}
			if err := encryption.Forget(cmd.Context(), o.encryptionFile(), client.KV); err != nil {
				return fmt.Errorf("%s: %w", o.encryptionFile(), err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the next server that starts decides with which key Secrets are stored; give all servers the keys of this one, %s\n", o.keys())
			return err
		},
	}, o.serverFlags()...)
}

// encryptionFileIn returns the path of the server's own file with the keys of Secrets, in a folder.
func encryptionFileIn(dir string) string { return filepath.Join(dir, encryption.FileName) }

// encryptionFile returns the file with the keys of Secrets.
func (o *options) encryptionFile() string {
	if o.encryptionConfig != "" {
		return o.encryptionConfig
	}
	return encryptionFileIn(o.keys())
}

// keyFlags returns the flags that locate the keys of Secrets.
func (o *options) keyFlags() flagGroup {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range o.flagGroups() {
		all.AddFlagSet(g.flags)
	}
	return group("Keys of Secrets", func(fs *pflag.FlagSet) {
		fs.AddFlag(all.Lookup("keys-dir"))
		fs.AddFlag(all.Lookup("encryption-provider-config"))
	})
}

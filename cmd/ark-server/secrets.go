package main

import (
	"errors"
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

Servers on one database must have the same file: let them share the folder. The new key is added first and used
after --settle, so that all of them know it by then.`

func newSecretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Change the key with which Secrets are stored",
		Long:  aboutSecrets,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("say what to do: secrets rotate-key (ark-server secrets --help)")}
		},
	}
	withFlags(cmd).AddCommand(newRotateKeyCommand())
	return cmd
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
			file := o.encryptionFile()
			name, err := encryption.Rotate(file, time.Now(), func() error {
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(settle):
					return nil
				}
			})
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: Secrets are stored with %s from now on; copy the file to your backup\n", file, name)
			return err
		},
	}, flags, o.locationFlags())
}

// encryptionFile is the file with the keys of Secrets.
func (o *options) encryptionFile() string {
	if o.encryptionConfig != "" {
		return o.encryptionConfig
	}
	return filepath.Join(o.keys(), encryption.FileName)
}

// keyFlags are those that say where the keys of Secrets are.
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

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/internal/standalone"
)

// locationFlags returns the flags of serve by which another command finds that server.
func (o *options) locationFlags() flagGroup {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range o.flagGroups() {
		all.AddFlagSet(g.flags)
	}
	return group("Which server, by the flags that it was started with", func(fs *pflag.FlagSet) {
		for _, name := range []string{"mode", "config", "data-dir", "storage", "db-path", "db-name", "db-dsn-file", "bind-address", "secure-port", "keys-dir", "keys-passphrase-file", "encryption-provider-config", "kubeconfig-out"} {
			fs.AddFlag(all.Lookup(name))
		}
	})
}

// locate sets the location flags of a command: from the arguments of the server in the same
// container, then from the environment and the configuration file.
func (o *options) locate(cmd *cobra.Command) error {
	o.sources.note(cmd.Flags(), place(fromCommandLine))
	if err := fromContainer(cmd.Flags()); err != nil {
		return err
	}
	o.sources.note(cmd.Flags(), place(fromServer))
	return o.configure(cmd)
}

// url returns the address at which this machine reaches the server with these options.
func (o *options) url() (string, error) {
	if url := o.writtenURL(); url != "" {
		return url, nil
	}
	if o.securePort == 0 {
		return "", errors.New("--secure-port=0: the port that the server has picked is not known: give its number")
	}
	ip := net.ParseIP(o.bindAddress)
	if ip == nil {
		return "", fmt.Errorf("--bind-address=%s: not an IP address", o.bindAddress)
	}
	return standalone.URL(&net.TCPAddr{IP: ip, Port: o.securePort}), nil
}

// writtenURL returns the address that a standalone server wrote to its kubeconfig at its last
// start. This address is used if the server picks its port, or if this command was given neither
// address nor port. It is "" if there is none.
func (o *options) writtenURL() string {
	_, port := o.sources["secure-port"]
	_, address := o.sources["bind-address"]
	if o.mode != modeStandalone || (port || address) && o.securePort != 0 {
		return ""
	}
	config, err := clientcmd.LoadFromFile(o.kubeconfig())
	if err != nil || config.Clusters[o.serverName()] == nil {
		return ""
	}
	return config.Clusters[o.serverName()].Server
}

// readKeys returns the keys of the server with these options.
func (o *options) readKeys() (*standalone.Keys, error) {
	keys, err := standalone.ReadKeys(o.keys())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--keys-dir=%s: no server has been started with these keys: start it first, or name its --db-path or --keys-dir: %w", o.keys(), err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("--keys-dir=%s: %w: run this as the user that the server runs as", o.keys(), err)
	case err != nil:
		return nil, fmt.Errorf("--keys-dir=%s: %w", o.keys(), err)
	}
	return keys, nil
}

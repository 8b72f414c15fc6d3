package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/kubeconfig"
	"github.com/mckinsey/ark-server/internal/standalone"
)

const aboutKubeconfig = `Print the kubeconfig of a standalone server's admin, or merge it into a file as kind and
minikube do: one cluster, user and context are added or updated and become the current
ones; everything else in the file stays as it is. It holds a secret.

With --user it is another user's, with a new token, as ark-server token create makes one. What
that user may do is a matter of Roles and RoleBindings.

  ark-server kubeconfig > ark.kubeconfig                    # of the server on ./ark.db
  ark-server kubeconfig --merge                             # into ~/.kube/config
  ark-server kubeconfig --user=alice --group=readers > alice.kubeconfig
  docker exec NAME ark-server kubeconfig > ark.kubeconfig   # of a server in a container
  docker exec NAME ark-server kubeconfig --server=https://127.0.0.1:7443   # of -p 7443:6443`

type kubeconfigOptions struct {
	user, merge, server string
	groups              []string
	ttl                 time.Duration
}

// mergeDefault is the value of --merge if the flag has no value.
const mergeDefault = "kubectl's"

func newKubeconfigCommand() *cobra.Command {
	o := newOptions()
	out := kubeconfigOptions{user: standalone.AdminUser, ttl: defaultTokenTTL}
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&out.user, "user", out.user, "`name` of the user; one who is not the admin gets a new token")
		fs.StringArrayVar(&out.groups, "group", nil, "`name` of a group that the user is in; may be given several times")
		fs.DurationVar(&out.ttl, "ttl", out.ttl, "how long the new token is good; 0 for until it is revoked")
		fs.StringVar(&out.merge, "merge", "", "`file` to merge it into instead of printing it (without a value the file that kubectl uses)")
		fs.Lookup("merge").NoOptDefVal = mergeDefault
		fs.StringVar(&out.server, "server", "", "`URL` at which clients reach the server (default its address on this machine)")
	})
	return withFlags(&cobra.Command{
		Use:   "kubeconfig [--merge[=FILE]]",
		Short: "Print the kubeconfig of the admin or another user, or merge it into a file",
		Long:  aboutKubeconfig,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			return runKubeconfig(cmd, o, out)
		},
	}, append([]flagGroup{flags}, o.serverFlags()...)...)
}

func runKubeconfig(cmd *cobra.Command, o *options, out kubeconfigOptions) error {
	if o.mode != modeStandalone {
		return usageError{fmt.Errorf("--mode=%s: users of a server in a cluster come from the cluster: use its kubeconfig", o.mode)}
	}
	if out.user == standalone.AdminUser && (len(out.groups) > 0 || cmd.Flags().Changed("ttl")) {
		return usageError{errors.New("--group and --ttl are for the token of --user=NAME: the admin has one already, which is good for ever")}
	}
	keys, err := o.readKeys()
	if err != nil {
		return err
	}
	if out.server == "" {
		if out.server, err = o.url(); err != nil {
			return err
		}
	} else if err := checkServer(cmd, keys, out.server); err != nil {
		return err
	}
	entry := keys.Kubeconfig(o.serverName(), out.server)
	if out.user != standalone.AdminUser {
		if entry, err = o.entryOfUser(cmd, entry, out); err != nil {
			return err
		}
	}
	if out.merge == "" {
		text, err := entry.YAML()
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	return mergeKubeconfig(cmd, entry, out.merge)
}

// entryOfUser derives the entry of a user from the entry of the admin, with a new token. It has
// different names, so that both fit into one file.
func (o *options) entryOfUser(cmd *cobra.Command, entry kubeconfig.Entry, out kubeconfigOptions) (kubeconfig.Entry, error) {
	asked, err := tokenRequest(out.user, out.groups, out.ttl)
	if err != nil {
		return entry, usageError{err}
	}
	tokens, closeAll, err := o.openTokens(cmd)
	if err != nil {
		return entry, err
	}
	entry.Token, err = tokens.create(cmd.Context(), asked)
	if err = errors.Join(err, closeAll()); err != nil {
		return entry, fmt.Errorf("make a token for --user=%s: %w", out.user, err)
	}
	entry.Name += "-" + strings.Trim(unfitForName.ReplaceAllString(out.user, "-"), "-.")
	entry.User = entry.Name
	return entry, nil
}

// checkServer validates a URL that the user has given, and warns if the server's certificate does
// not cover it.
func checkServer(cmd *cobra.Command, keys *standalone.Keys, server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return usageError{fmt.Errorf("--server=%s: not an address: use https://HOST:PORT", server)}
	}
	if covers, err := keys.Covers(u.Hostname()); err == nil && !covers {
		fmt.Fprintf(cmd.ErrOrStderr(), "Clients will refuse the server's certificate at %s: start the server with --tls-san=%s\n", u.Hostname(), u.Hostname())
	}
	return nil
}

func mergeKubeconfig(cmd *cobra.Command, entry kubeconfig.Entry, path string) error {
	if path == mergeDefault {
		var err error
		if path, err = kubeconfig.DefaultPath(); err != nil {
			return fmt.Errorf("--merge: %w", err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("--merge: %w", err)
		}
	}
	if _, err := entry.Merge(path, true); err != nil {
		return fmt.Errorf("--merge=%s: %w%s", path, err, kubeconfigFix(err))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: context %q is there, and is the current one\n", path, entry.Name)
	return nil
}

// kubeconfigFix returns the fix for a kubeconfig that could not be written.
func kubeconfigFix(err error) string {
	var conflict *kubeconfig.ConflictError
	if errors.As(err, &conflict) {
		return fmt.Sprintf(": choose another file, or delete that %s there (kubectl config delete-%[1]s %s)", conflict.Kind, conflict.Name)
	}
	return ": choose a file in a folder that exists and is writable"
}

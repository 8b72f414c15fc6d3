package component

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ArkServer is a running ark-server in standalone mode.
type ArkServer struct {
	*Process
	// Kubeconfig is the admin's kubeconfig, as the server wrote it.
	Kubeconfig string
	// Config is the content of Kubeconfig.
	Config *rest.Config
}

// ArkOptions configure an ark-server.
type ArkOptions struct {
	// Dir holds the database file ark.db and what the server writes next to it.
	Dir string
	// Database, when set, is the database file instead; the rest stays in Dir.
	Database string
	// Keys, when set, is the folder of keys, which replicas share; otherwise each replica has a
	// separate folder in Dir.
	Keys string
	// EtcdServers, when set, is the URL of the endpoint that stores the data, instead of SQLite.
	EtcdServers string
	// Storage, when set, is the flags of another database that stores the data.
	Storage []string
	// Wrap, when set, changes the command before it is started.
	Wrap func(Command) Command
	// Port is --secure-port; 0 lets the server choose.
	Port int
	// Args are added to the command line. If they do not contain --engine, the server does not execute
	// Queries; the test plays Ark's controller.
	Args []string
	// Env is added to the environment.
	Env []string
}

// DB is the path of the database file.
func (o ArkOptions) DB() string {
	if o.Database != "" {
		return o.Database
	}
	return filepath.Join(o.Dir, "ark.db")
}

// Command is the command line that StartArk runs.
func (o ArkOptions) Command() (Command, error) {
	path, err := ServerBinary()
	if err != nil {
		return Command{}, err
	}
	storage := []string{"--storage=sqlite", "--db-path=" + o.DB()}
	switch {
	case o.EtcdServers != "":
		storage = []string{"--storage=etcd", "--etcd-servers=" + o.EtcdServers}
	case o.Storage != nil:
		storage = o.Storage
	}
	args := append(slices.Clone(storage), "--secure-port="+strconv.Itoa(o.Port))
	if o.Database != "" || o.EtcdServers != "" || o.Storage != nil {
		args = append(args, "--kubeconfig-out="+filepath.Join(o.Dir, "admin.kubeconfig"), "--keys-dir="+cmp.Or(o.Keys, filepath.Join(o.Dir, "keys")))
	}
	if !slices.ContainsFunc(o.Args, func(arg string) bool { return strings.HasPrefix(arg, "--engine=") }) {
		args = append(args, "--engine=external")
	}
	c := Command{Path: path, Name: "ark-server", Args: append(args, o.Args...), Env: o.Env, Dir: o.Dir}
	if o.Wrap != nil {
		c = o.Wrap(c)
	}
	return c, nil
}

// StartArk starts the server and returns when it is ready to serve.
func StartArk(ctx context.Context, o ArkOptions) (*ArkServer, error) {
	c, err := o.Command()
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(o.Dir, "admin.kubeconfig")
	p, err := Start(c)
	if err != nil {
		return nil, err
	}
	s := &ArkServer{Process: p, Kubeconfig: kubeconfig}
	// After a restart the file may still be from the run before, until the server has written it
	// again: read it on each attempt.
	err = p.waitReady(ctx, func(ctx context.Context) error {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return fmt.Errorf("read %s: %w", kubeconfig, err)
		}
		s.Config = config
		return ready(ctx, config)
	})
	if err != nil {
		p.Kill()
		return nil, err
	}
	return s, nil
}

// ready requests /readyz.
func ready(ctx context.Context, config *rest.Config) error { return get(ctx, config, "/readyz") }

// get requests a path that must answer 200.
func get(ctx context.Context, config *rest.Config, path string) error {
	c := rest.CopyConfig(config)
	c.Timeout = 5 * time.Second
	c.GroupVersion, c.NegotiatedSerializer = unversioned()
	client, err := rest.RESTClientFor(c)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if _, err := client.Get().AbsPath(path).DoRaw(ctx); err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	return nil
}

// RequireMode returns an error unless the file's permissions are exactly mode.
func RequireMode(path string, mode os.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check permissions: %w", err)
	}
	if info.Mode().Perm() != mode {
		return errors.New(path + " has mode " + info.Mode().Perm().String() + ", want " + mode.String())
	}
	return nil
}

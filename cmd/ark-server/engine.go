package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/server"
)

const aboutEngine = `Execute the queries of an Ark API in a process of its own, which needs nothing but a
kubeconfig: that of a server with --engine=external, or in a cluster that of its direct
endpoint (the ConfigMap ark-kubeconfig). Run as many as you like: they share the queries
out, and take over those of one that dies. Do not run Ark's controller beside them.

  ark-server --engine=external \
    --engine-user=system:serviceaccount:default:ark-engine
  ark-server engine --rights | kubectl apply -f -      # that service account and its rights
  ark-server engine --server-kubeconfig=/etc/ark/kubeconfig

Without --server-kubeconfig it uses KUBECONFIG, ~/.kube/config or the pod's own service
account, as kubectl does.`

// engineAccount is the service account of engine processes, in the rights that are printed.
const engineAccount = "ark-engine"

// engineProcess is what the flags say of an engine in a process of its own.
type engineProcess struct {
	kubeconfig, namespace, healthListen string
	loopback, rights                    bool
}

func newEngineCommand() *cobra.Command {
	o, p := newOptions(), engineProcess{}
	groups := []flagGroup{
		group(ownFlags, func(fs *pflag.FlagSet) {
			fs.StringVar(&p.kubeconfig, "server-kubeconfig", "", "`file` with the way to the API server of the queries")
			fs.StringVarP(&p.namespace, "namespace", "n", "", "`namespace` of the Leases by which engines know each other (default that of the kubeconfig or the pod)")
			fs.StringVar(&p.healthListen, "health-listen", "", "serve /healthz, /readyz and /metrics without TLS at this `host:port`")
			fs.BoolVar(&p.loopback, "engine-loopback-models", false, "let models be at loopback addresses of this machine, such as Ollama's")
			fs.BoolVar(&p.rights, "rights", false, "print a service account with the rights that it needs, for kubectl apply, and end")
		}),
		group("Queries", func(fs *pflag.FlagSet) {
			o.engine.addLimits(fs)
			o.engine.addAddresses(fs)
		}),
		group("Models", o.modelURLs.add),
		group("Logging", o.addLogging),
	}
	return withFlags(&cobra.Command{
		Use:   "engine",
		Short: "Execute the queries of another server, as a client of its API",
		Long:  aboutEngine,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return p.run(cmd.Context(), o, cmd.OutOrStdout())
		},
	}, groups...)
}

func (p engineProcess) run(ctx context.Context, o *options, out io.Writer) (err error) {
	loading := clientcmd.NewDefaultClientConfigLoadingRules()
	loading.ExplicitPath = p.kubeconfig
	way := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loading, &clientcmd.ConfigOverrides{})
	namespace := p.namespace
	if namespace == "" {
		if namespace, _, err = way.Namespace(); err != nil {
			return fmt.Errorf("--server-kubeconfig=%s: find the namespace: %w", p.kubeconfig, err)
		}
	}
	if p.rights {
		return printRights(out, namespace)
	}
	config, err := way.ClientConfig()
	if err != nil {
		return usageError{fmt.Errorf("--server-kubeconfig=%s: %w: name a kubeconfig, such as the admin.kubeconfig that a standalone server writes", p.kubeconfig, err)}
	}
	logs, err := setUpLogging(o)
	if err != nil {
		return err
	}
	logs.until(ctx)
	process := server.EngineProcess{
		Config: config, Namespace: namespace, URLs: o.modelURLs.urls,
		Engine: server.EngineOptions{Limits: o.engine.limits, Allowed: o.engine.allowed, LoopbackModels: p.loopback},
	}
	if p.healthListen != "" {
		if process.Listener, err = net.Listen("tcp", p.healthListen); err != nil {
			return fmt.Errorf("--health-listen=%s: %w: use an address of this machine with a port that is free", p.healthListen, err)
		}
	}
	err = process.Run(ctx, func() { p.announce(out, o, config, process.Listener) })
	if ctx.Err() != nil {
		if err != nil && !errors.Is(err, context.Cause(ctx)) {
			slog.Warn("the engine has not ended in order", "err", err)
		}
		return nil
	}
	if errors.Is(err, server.ErrEngineRefused) {
		return fmt.Errorf("%w: give its user the rights that 'ark-server engine --rights' prints", err)
	}
	if errors.Is(err, engine.ErrNotExecutor) {
		return fmt.Errorf("%w: start the server with --engine=external --engine-user=USER, where USER is the one that 'kubectl auth whoami' names with this engine's kubeconfig", err)
	}
	return err
}

func (p engineProcess) announce(out io.Writer, o *options, config *rest.Config, health net.Listener) {
	address := ""
	if health != nil {
		address = health.Addr().String()
	}
	if o.logFormat == "json" {
		asJSON(out).Info("ready", "server", config.Host, "health", address, "pid", os.Getpid())
		return
	}
	fmt.Fprintf(out, "The engine executes the queries of %s\n", config.Host)
	if address != "" {
		fmt.Fprintf(out, "  health      http://%s/readyz\n", address)
	}
}

// printRights prints a service account that may execute Queries.
func printRights(out io.Writer, namespace string) error {
	name := metav1.ObjectMeta{Name: engineAccount}
	if _, err := fmt.Fprintf(out, "# The server needs --engine=external --engine-user=system:serviceaccount:%s:%s\n", namespace, engineAccount); err != nil {
		return fmt.Errorf("print the rights: %w", err)
	}
	for _, object := range []runtime.Object{
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metav1.ObjectMeta{Name: engineAccount, Namespace: namespace}},
		&rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: name, Rules: slices.Clone(engine.Rules())},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, ObjectMeta: name,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: engineAccount},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: engineAccount, Namespace: namespace}},
		},
	} {
		text, err := yaml.Marshal(object)
		if err == nil {
			_, err = fmt.Fprintf(out, "---\n%s", text)
		}
		if err != nil {
			return fmt.Errorf("print the rights: %w", err)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/standalone"
	"github.com/mckinsey/ark-server/internal/version"
)

// serve runs a server until a signal or a failure, and returns once
// everything is closed. out receives the start-up lines.
func serve(ctx context.Context, o *options, out io.Writer) (err error) {
	logs, err := setUpLogging(o)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, func() { announceStop(out, o) })
	defer stop()

	listener, err := listen(o)
	if err != nil {
		return err
	}
	if err := o.checkTracing(); err != nil {
		return errors.Join(err, listener.Close())
	}
	data, err := openStorage(ctx, o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server, err := newServer(ctx, o, listener, data)
	if err != nil {
		return errors.Join(err, listener.Close(), data.Close())
	}
	operate(server.generic(), data, logs)

	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		// Closing the storage ends data.etcd below.
		return errors.Join(server.Run(ctx), data.Close())
	})
	running.Go(data.etcd)
	running.Go(func() error {
		if server.WaitReady(ctx) == nil {
			server.announce(out, data.summary)
		}
		return nil
	})
	return running.Wait()
}

// withStandaloneFlag names the flag that an error of the standalone server is about.
func withStandaloneFlag(err error) error {
	var keys *standalone.KeysError
	if errors.As(err, &keys) {
		return fmt.Errorf("--keys-dir=%s: %w", keys.Dir, keys.Err)
	}
	var kubeconfig *standalone.KubeconfigError
	if errors.As(err, &kubeconfig) {
		return fmt.Errorf("--kubeconfig-out=%s: %w%s", kubeconfig.Path, kubeconfig.Err, kubeconfigFix(kubeconfig.Err))
	}
	return err
}

// listen opens the HTTPS port.
func listen(o *options) (net.Listener, error) {
	address := net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort))
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--secure-port=%d: another program listens on %s: stop it, or choose another port (0 for any free one)", o.securePort, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--secure-port=%d: not permitted: choose a port above 1023", o.securePort)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("--bind-address=%s: this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all", o.bindAddress)
	}
	return nil, fmt.Errorf("--bind-address=%s, --secure-port=%d: %w", o.bindAddress, o.securePort, err)
}

// untilSignal calls first and ends the context at the first SIGINT or SIGTERM. The
// second one ends the process: the store survives that as it survives a crash.
func untilSignal(ctx context.Context, first func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		select {
		case <-stopped:
			return
		case <-signals:
			first()
			cancel()
		}
		select {
		case <-stopped:
		case <-signals:
			os.Exit(1)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}

// announce says where everything is and what to type next.
func announce(out io.Writer, o *options, url, storage string) {
	if o.logFormat == "json" {
		asJSON(out).Info("ready", "version", version.Ark(), "kubernetes", version.Kubernetes(),
			"storage", storage, "url", url, "kubeconfig", o.kubeconfig())
		return
	}
	fmt.Fprintf(out, `ark-server %s (Kubernetes %s) is ready
  storage     %s
  serving     %s
  kubeconfig  %s (the admin's; keep it secret)

`, version.Ark(), version.Kubernetes(), storage, url, o.kubeconfig())
	file := o.kubeconfig()
	if inContainer() {
		// That file is in the container, and belongs to the server's user.
		file = "ark.kubeconfig"
		fmt.Fprintf(out, "Try, outside the container:\n  %s exec %s ark-server kubeconfig > %s\n", containerTool(), hostname(), file)
	} else {
		fmt.Fprintln(out, "Try, in another terminal:")
	}
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get agents\n", file)
}

// hostname is by default the id of the container.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "CONTAINER"
	}
	return name
}

func announceStop(out io.Writer, o *options) {
	if o.logFormat == "json" {
		asJSON(out).Info("stopping")
		return
	}
	fmt.Fprintln(out, "Stopping; a second signal stops at once.")
}

func asJSON(out io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(out, nil)) }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/standalone"
	"github.com/mckinsey/ark-server/internal/version"
)

// serve runs a server until its context ends or it fails, and returns once
// everything is closed. out receives the start-up lines. A start that the end of the context
// cuts short has not failed.
func serve(ctx context.Context, o *options, out io.Writer) error {
	logs, err := setUpLogging(o)
	if err != nil {
		return err
	}
	stopping := sync.OnceFunc(func() {
		logs.stopping.Store(true)
		announceStop(out, o)
	})
	defer context.AfterFunc(ctx, stopping)()

	if err := errors.Join(o.checkGivenFiles(), o.prepareAuditLog()); err != nil {
		return err
	}
	running, err := start(ctx, o, logs)
	if ctx.Err() != nil {
		stopping()
		if err != nil {
			slog.Debug("the start was cut short", "err", err)
			return nil
		}
		return running.close()
	}
	if err != nil {
		return err
	}
	return running.run(ctx, out)
}

// started is what a start has opened.
type started struct {
	listener *connections.Listener
	data     *storage
	server   server
}

// start opens everything that serving needs, or closes again what it has opened.
func start(ctx context.Context, o *options, logs *logging) (_ *started, err error) {
	s := &started{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.listener, err = listen(o); err != nil {
		return nil, err
	}
	if err := o.checkTracing(); err != nil {
		return nil, err
	}
	if s.data, err = openStorage(ctx, o); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.server, err = newServer(ctx, o, s.listener, s.data); err != nil {
		return nil, err
	}
	operate(s.server.generic(), s.listener, s.data, logs)
	return s, nil
}

// close closes what does not run yet.
func (s *started) close() error {
	var errs []error
	if s.server != nil {
		s.server.generic().Destroy()
	}
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.data != nil {
		errs = append(errs, s.data.Close())
	}
	return errors.Join(errs...)
}

func (s *started) run(ctx context.Context, out io.Writer) error {
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		// Closing the storage ends data.etcd below.
		return errors.Join(s.server.Run(ctx), s.data.Close())
	})
	running.Go(s.data.etcd)
	running.Go(func() error {
		if s.server.WaitReady(ctx) == nil {
			s.server.announce(out, s.data.summary)
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

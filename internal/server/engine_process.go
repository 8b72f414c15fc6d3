package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/relay"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/version"
)

const (
	// processQPS and processBurst bound the request rate of an engine process.
	processQPS   = 2000
	processBurst = 4000
	// apiRetry is the pause before a request to an API that does not answer is repeated.
	apiRetry = 2 * time.Second
	// sendTime is how long the process waits at its end until streams have been sent.
	sendTime = 5 * time.Second
)

// ErrEngineRefused is the error of an API that does not accept the user of an engine process, or
// has not granted it the permissions.
var ErrEngineRefused = errors.New("the API refuses the engine")

// EngineProcess executes Queries in a separate process, as an ordinary client of the API.
type EngineProcess struct {
	// Config is the configuration for the API server of Ark's kinds and Kubernetes' own: a standalone
	// ark-server, its direct endpoint, or the kube-apiserver in front of it. Its user needs the
	// permissions of engine.Rules.
	Config *rest.Config
	// Namespace is the namespace of the Leases of the engines that share the Queries.
	Namespace string
	Engine    EngineOptions
	URLs      rules.URLPolicy
	// Listener takes connections for /healthz, /readyz and /metrics; nil for none.
	Listener net.Listener
}

// Run executes Queries until the context ends, and calls ready when it begins. It waits for an API
// that does not answer; if the API refuses the engine, it returns an error.
func (p EngineProcess) Run(ctx context.Context, ready func()) error {
	config := rest.CopyConfig(p.Config)
	config.QPS, config.Burst, config.UserAgent = processQPS, processBurst, "ark-engine/"+version.Ark()
	client, err := objects.New(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	streams, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("make a client of the broker: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("find the server: %w", err)
	}
	observer := metrics.NewOfEngine(metrics.Build{Version: version.Ark(), Kubernetes: version.Kubernetes(), Storage: "none"})
	var runs atomic.Bool
	if p.Listener != nil {
		health := &http.Server{Handler: healthOf(observer, &runs), ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = health.Serve(p.Listener) }() // it returns after Close
		defer func() { _ = health.Close() }()        // no probe has to be answered any more
	}
	if err := p.await(ctx, client); err != nil {
		return err
	}
	events, err := hasEvents(ctx, client, p.Namespace)
	if err != nil {
		return err
	}
	services := p.Engine.services(p.URLs)
	defer services.Models.CloseIdleConnections()
	defer services.Tools.CloseIdleConnections()
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)
	sink := relay.NewSink(base.String(), streams)
	runs.Store(true)
	ready()
	engine.New(engine.Options{
		Client: client, Limits: p.Engine.Limits, Identity: rand.Text(), Statuses: true, Shared: true, Observer: observer,
		Sink: sink, Services: services, Refused: refuse, Events: events, EventRate: hostEventRate, LeaseNamespace: p.Namespace,
	}).Run(ctx)
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	if cause := context.Cause(ctx); errors.Is(cause, engine.ErrNotExecutor) {
		return cause
	}
	return sink.Wait(sending)
}

// await returns when the API lists Queries, or with an error that waiting cannot fix. It also waits
// for an API without Queries, such as a cluster whose ark-server is not installed yet.
func (p EngineProcess) await(ctx context.Context, client *objects.Client) error {
	for said := ""; ; {
		err := client.Ark(v1alpha1.SchemeGroupVersion).Get().Resource("queries").VersionedParams(&metav1.ListOptions{Limit: 1}, metav1.ParameterCodec).Do(ctx).Error()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return fmt.Errorf("%w: %w", ErrEngineRefused, err)
		}
		if text := err.Error(); text != said {
			slog.Warn("the API does not list queries yet; waiting for it", "server", p.Config.Host, "err", err)
			said = text
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(apiRetry):
		}
	}
}

// healthOf serves the probes and the metrics of an engine.
func healthOf(observer *metrics.OfEngine, runs *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", observer.Handler())
	answer := func(path string, fault func() error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if err := fault(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte("ok\n")) // the client may be gone
		})
	}
	answer("/healthz", func() error { return nil })
	answer("/livez", func() error { return nil })
	answer("/readyz", func() error {
		if !runs.Load() {
			return errors.New("the API does not answer yet")
		}
		return nil
	})
	return mux
}

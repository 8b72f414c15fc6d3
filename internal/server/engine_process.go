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
	// processQPS and processBurst bound the requests of an engine process.
	processQPS   = 2000
	processBurst = 4000
	// apiRetry is the pause before an API that does not answer is asked again.
	apiRetry = 2 * time.Second
	// sendTime is how long streams may take to be sent when the process ends.
	sendTime = 5 * time.Second
)

// ErrEngineRefused is the error of an API that knows the user of an engine process not, or not with
// the rights.
var ErrEngineRefused = errors.New("the API refuses the engine")

// EngineProcess executes Queries in a process of its own: a client of the API as every other is.
type EngineProcess struct {
	// Config is the way to the API server of Ark's kinds and Kubernetes' own: an ark-server alone, its
	// direct endpoint, or the kube-apiserver before it. Its user needs the rights of engine.Rules.
	Config *rest.Config
	// Namespace is where the engines that share the Queries have their Leases.
	Namespace string
	Engine    EngineOptions
	URLs      rules.URLPolicy
	// Listener takes connections for /healthz, /readyz and /metrics; nil for none.
	Listener net.Listener
}

// Run executes Queries until the context ends, and says when it begins. An API that does not answer
// is waited for; one that refuses the engine is an error.
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
		go func() { _ = health.Serve(p.Listener) }() // it ends with Close
		defer func() { _ = health.Close() }()        // probes have no answers to wait for
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

// await returns when the API lists Queries, or with an error that waiting does not mend. One that
// has no Queries yet, as a cluster before its ark-server is there, is waited for, too.
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
			_, _ = w.Write([]byte("ok\n")) // a probe that has gone does not matter
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

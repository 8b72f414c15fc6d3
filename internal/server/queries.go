package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/outbound"
	"github.com/mckinsey/ark-server/internal/engine/provider"
	"github.com/mckinsey/ark-server/internal/inprocess"
)

// EngineOptions configure the execution of Queries.
type EngineOptions struct {
	Limits engine.Limits
	// Allowed are address ranges that models and tools may use, regardless of the kind of address.
	Allowed []netip.Prefix
	// LoopbackModels permits models on this machine.
	LoopbackModels bool
}

// services returns the services that executions use.
func (o *EngineOptions) services(urls rules.URLPolicy) execution.Services {
	return execution.Services{
		Models: outbound.NewClient(outbound.Policy{
			Loopback: o.LoopbackModels && !urls.DenyPrivate, DenyPrivate: urls.DenyPrivate,
			Allowed: slices.Concat(o.Allowed, urls.PrivateRanges), CheckURL: urls.Check,
		}),
		Tools: outbound.NewClient(outbound.Policy{Allowed: o.Allowed}),
		AWS:   &provider.AWSEnvironment{}, Azure: &provider.AzureEnvironment{}, Marker: rand.Text, CheckModelURL: urls.Check,
	}
}

// user returns the engine's user; "" without an engine.
func (o *EngineOptions) user() string {
	if o == nil {
		return ""
	}
	return engine.User
}

// executor returns the user whose claims of Queries are stored; "" for none.
func (o Options) executor() string {
	if o.Engine != nil {
		return o.Engine.user()
	}
	return o.EngineUser
}

// grants returns the permissions of the engine's user.
func (o *EngineOptions) grants() []parts.Grant {
	if o == nil {
		return nil
	}
	return []parts.Grant{{User: engine.User, Rules: engine.Rules()}}
}

// executing is an API server that executes Queries.
type executing struct {
	api
	options engine.Options
	talk    *talk
	close   func()
}

// host is the cluster that a server runs in, as the engine uses it.
type host struct {
	config *rest.Config
	// namespace is the server's own namespace.
	namespace string
}

const (
	// hostQPS and hostBurst bound the rate of the engine's requests to the host: it reads Secrets,
	// ConfigMaps and Services for each call of a model or a tool.
	hostQPS   = 500
	hostBurst = 1000
	// hostEventRate is for how many queries per second Events are written there, because they are
	// writes to the cluster's etcd.
	hostEventRate = 1
)

// executes configures where an engine runs.
type executes struct {
	transport *inprocess.Transport
	options   EngineOptions
	urls      rules.URLPolicy
	shared    bool
	tracer    trace.TracerProvider
	// host is nil for a standalone server.
	host *host
}

// client returns the engine's client.
func (x executes) client() (*objects.Client, error) {
	config, err := x.transport.Config(&user.DefaultInfo{Name: engine.User})
	if err != nil {
		return nil, err
	}
	if x.host == nil {
		return objects.New(config)
	}
	there := rest.CopyConfig(x.host.config)
	there.QPS, there.Burst = hostQPS, hostBurst
	return objects.NewHosted(config, there)
}

// withEngine adds an engine to an API server.
func withEngine(to api, x executes, talk *talk, observer engine.Observer) (api, error) {
	client, err := x.client()
	if err != nil {
		return nil, err
	}
	services := x.options.services(x.urls)
	services.Trace = traceModels(x.tracer)
	options := engine.Options{
		Client: client, Limits: x.options.Limits, Identity: rand.Text(), Statuses: true, Shared: x.shared, Observer: observer,
		Requests: talk.engineRequests(), Sink: sink{talk.broker}, Trace: traceQueries(x.tracer),
		Services: services,
	}
	if x.host != nil {
		options.Events, options.EventRate, options.LeaseNamespace = true, hostEventRate, x.host.namespace
	}
	return &executing{
		api: to, options: options, talk: talk,
		close: func() {
			services.Models.CloseIdleConnections()
			services.Tools.CloseIdleConnections()
		},
	}, nil
}

// Run serves and executes until the context ends.
func (x *executing) Run(ctx context.Context) error {
	defer x.close()
	executing, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if x.WaitReady(executing) == nil {
			if err := x.execute(executing); err != nil && executing.Err() == nil {
				slog.Error("queries are not executed", "err", err)
			}
		}
	}()
	err := x.api.Run(ctx)
	stop()
	<-ended
	return err
}

func (x *executing) execute(ctx context.Context) error {
	if !x.options.Events {
		var err error
		if x.options.Events, err = hasEvents(ctx, x.options.Client, "default"); err != nil {
			return err
		}
	}
	e := engine.New(x.options)
	x.talk.engine.Store(e)
	e.Run(ctx)
	return nil
}

// hasEvents reports whether an API has core Events.
func hasEvents(ctx context.Context, client *objects.Client, namespace string) (bool, error) {
	_, err := client.Core.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("ask whether there are events: %w", err)
	}
	return err == nil, nil
}

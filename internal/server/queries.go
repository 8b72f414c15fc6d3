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

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/outbound"
	"github.com/mckinsey/ark-server/internal/inprocess"
)

// EngineOptions say how Queries are executed.
type EngineOptions struct {
	Limits engine.Limits
	// Allowed are addresses that models and tools may be at, whatever kind they are of.
	Allowed []netip.Prefix
	// LoopbackModels lets models be on this machine.
	LoopbackModels bool
}

// user is the engine's; "" without one.
func (o *EngineOptions) user() string {
	if o == nil {
		return ""
	}
	return engine.User
}

// grants are the rights of the engine's user.
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
	close   func()
}

// withEngine adds an engine to an API server.
func withEngine(to api, transport *inprocess.Transport, o EngineOptions, urls rules.URLPolicy, talk *talk, shared bool, observer engine.Observer, tracer trace.TracerProvider) (api, error) {
	config, err := transport.Config(&user.DefaultInfo{Name: engine.User})
	if err != nil {
		return nil, err
	}
	client, err := objects.New(config)
	if err != nil {
		return nil, err
	}
	models := outbound.NewClient(outbound.Policy{
		Loopback: o.LoopbackModels && !urls.DenyPrivate, DenyPrivate: urls.DenyPrivate,
		Allowed: slices.Concat(o.Allowed, urls.PrivateRanges), CheckURL: urls.Check,
	})
	tools := outbound.NewClient(outbound.Policy{Allowed: o.Allowed})
	return &executing{
		api: to,
		options: engine.Options{
			Client: client, Limits: o.Limits, Identity: rand.Text(), Statuses: true, Shared: shared, Observer: observer,
			Requests: talk.engineRequests(), Sink: sink{talk.broker},
			Trace:    traceQueries(tracer),
			Services: execution.Services{Trace: traceModels(tracer), Models: models, Tools: tools, Marker: rand.Text, CheckModelURL: urls.Check},
		},
		close: func() {
			models.CloseIdleConnections()
			tools.CloseIdleConnections()
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
	_, err := x.options.Client.Core.CoreV1().Events("default").List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("ask whether there are events: %w", err)
	}
	x.options.Events = err == nil
	engine.New(x.options).Run(ctx)
	return nil
}

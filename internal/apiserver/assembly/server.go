package assembly

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apiserver/pkg/registry/generic"
	registryrest "k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/registry"
)

// Server is the assembled API server. A mode may install further API groups on
// Generic before Run.
type Server struct {
	Generic *genericapiserver.GenericAPIServer
	// Storage holds Ark's resources by version and path, such as queries/status in
	// v1alpha1, for parts of the process that use them without HTTP.
	Storage map[string]map[string]registryrest.Storage

	// InProcess makes clients of the server for other parts of the process.
	InProcess *inprocess.Transport
	// Tracer makes spans for other parts of the process; nil where there are none.
	Tracer trace.TracerProvider

	ready atomic.Bool // as WaitReady found it
}

// New makes the server and its storage, and installs the Ark group.
func (c CompletedConfig) New() (*Server, error) {
	server, err := c.generic.New("ark-server", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, fmt.Errorf("set up the API server: %w", err)
	}
	// The first to be destroyed: what the clients in the process have under way uses the rest.
	server.RegisterDestroyFunc(c.InProcess.Close)
	err = server.AddPostStartHook("in-process-clients", func(genericapiserver.PostStartHookContext) error {
		c.InProcess.Serve(server.Handler)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("serve the clients in the process: %w", err)
	}
	// The generic server collects the storages to wait for, but leaves it to
	// its users to wait. Without the hook it would be ready before its caches.
	if err := server.AddPostStartHook("storage-readiness", server.StorageReadinessHook.Hook); err != nil {
		return nil, fmt.Errorf("wait for the watch caches: %w", err)
	}
	resources, err := registry.Storage(registry.Kinds(), c.scheme, c.Generic.RESTOptionsGetter, registry.Environment{
		Core:       c.Core,
		Authorizer: c.Generic.Authorization.Authorizer,
		ModelURLs:  c.modelURLs,
		Executor:   c.executor,
		Past:       c.Past,
	})
	if err != nil {
		return nil, err
	}
	if err := c.installArk(server, resources); err != nil {
		return nil, err
	}
	return &Server{Generic: server, Storage: resources, InProcess: c.InProcess, Tracer: c.tracer}, nil
}

// Run serves until the context ends, drains what is in flight, and releases the
// storages. The backend may be closed once it has returned. A server that was not ready
// yet (WaitReady has not succeeded) has no clients to be kind to, and stops without the
// delay and the grace of one that was. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	unregister := context.AfterFunc(ctx, func() {
		if !s.ready.Load() {
			// The stock server reads these only after it was stopped.
			s.Generic.ShutdownDelayDuration, s.Generic.ShutdownWatchTerminationGracePeriod = 0, 0
		}
		// A client whose call takes no context would try again for ten seconds after a 503, and the end
		// wait for it.
		s.InProcess.Refuse()
		stop(context.Cause(ctx))
	})
	defer unregister()
	return s.serve(ctx, serving)
}

func (s *Server) serve(ctx, serving context.Context) error {
	prepared := s.Generic.PrepareRun()
	if ctx.Err() != nil {
		s.Generic.Destroy()
		return s.Generic.SecureServingInfo.Listener.Close()
	}
	return prepared.RunWithContext(serving)
}

// Storage returns the options with which a mode builds the storage of further
// groups, in a layout made from the backend's base configuration.
func (c *Config) Storage(layout storage.Layout) generic.RESTOptionsGetter {
	return storage.RESTOptions(c.backend, layout, c.Generic.StorageObjectCountTracker, c.maxObject, c.off)
}

func (c *Config) arkStorage() generic.RESTOptionsGetter {
	ark := layout.New(c.codecs, c.json, c.scheme, c.findings)
	return c.Storage(storage.ArkLayout(c.backend.StorageConfig(), ark))
}

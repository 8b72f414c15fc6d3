package aggregated

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/direct"
	"github.com/mckinsey/ark-server/internal/inprocess"
)

// Server is an Ark API server in a cluster.
type Server struct {
	// Generic is the API server underneath.
	Generic *genericapiserver.GenericAPIServer
	// InProcess makes clients of the server for other parts of the process.
	InProcess *inprocess.Transport
	// Tracer makes spans for other parts of the process; nil where there are none.
	Tracer trace.TracerProvider
	// Access answers which rows users may see.
	Access *access.Resolver

	// Direct returns the counts of the direct endpoint; nil without one.
	Direct func() DirectStats

	server *assembly.Server
}

// DirectStats are counts of the direct endpoint.
type DirectStats struct {
	direct.Stats
	// Silent reports whether kube-apiserver does not answer.
	Silent bool
}

const informerResync = 10 * time.Minute

// New asks the cluster what it offers and assembles a server on a backend. The
// backend stays the caller's, to be closed when Run has returned.
func New(ctx context.Context, o Options, backend storage.Backend) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("check the server's options: %w", err)
	}
	client, err := kubernetes.NewForConfig(o.Cluster)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's client: %w", err)
	}
	if err := connect(ctx, client, o.ConnectTimeout); err != nil {
		return nil, err
	}
	common := assembly.NewOptions()
	common.Listener = o.Listener
	common.CertFile, common.KeyFile = o.CertFile, o.KeyFile
	common.FrontProxy = true
	common.ShutdownDelay, common.SendRetryAfter, common.WatchGrace = o.ShutdownDelay, o.SendRetryAfter, o.WatchGrace
	common.MaxObjectBytes, common.MaxObjectAdvice = o.MaxObjectBytes, o.MaxObjectAdvice
	common.Off, common.Executor = o.Off, o.Executor
	common.ModelURLs, common.TracingFile, common.Findings = o.ModelURLs, o.TracingFile, o.Findings
	config, err := assembly.NewConfig(common, backend)
	if err != nil {
		return nil, err
	}
	config.Informers = informers.NewSharedInformerFactory(client, informerResync)
	config.Core = newReferences(client)
	lasting := o.newOutage()
	if err := applyAuthentication(ctx, config.Generic, client, o.TokenTTL, o.Direct, lasting); err != nil {
		return nil, err
	}
	if config.Generic.Authorization.Authorizer, err = newAuthorizer(client, o.AllowTTL, o.DenyTTL, o.Direct && !o.ReviewNames, lasting); err != nil {
		return nil, err
	}
	rights, err := NewAccess(o.Cluster, o.AllowTTL, o.DenyTTL)
	if err != nil {
		return nil, err
	}
	if err := o.Audit.ApplyTo(config.Generic); err != nil {
		return nil, fmt.Errorf("set up the audit log: %w", err)
	}
	if err := applyAdmission(ctx, o, config.Generic, config.Informers, client); err != nil {
		return nil, err
	}
	passing, err := o.newDirect(config)
	if err != nil {
		return nil, err
	}
	o.Parts.apply(config)
	if o.Records != nil {
		config.OpenAPI, config.Past = append(config.OpenAPI, o.Records.OpenAPI()), o.Records.Past()
	}
	server, err := config.Complete().New()
	if err != nil {
		return nil, err
	}
	if o.Records != nil {
		if err := o.Records.Install(server.Generic, rights, server.InProcess, config.Storage(o.Records.Layout(backend.StorageConfig()))); err != nil {
			return nil, err
		}
	}
	if passing != nil {
		if err := server.Generic.AddPreShutdownHook("direct-endpoint", func() error { passing.Close(); return nil }); err != nil {
			return nil, fmt.Errorf("end the direct endpoint's watches at a stop: %w", err)
		}
	}
	made := &Server{Generic: server.Generic, InProcess: server.InProcess, Tracer: server.Tracer, Access: rights, server: server}
	if passing != nil {
		made.Direct = func() DirectStats { return DirectStats{passing.Stats(), lasting != nil && lasting.since.Load() != 0} }
	}
	return made, nil
}

// Run serves until the context ends, then turns unready, drains what is in flight
// and returns.
func (s *Server) Run(ctx context.Context) error { return s.server.Run(ctx) }

// WaitReady returns nil once the server is ready, or the context's error.
func (s *Server) WaitReady(ctx context.Context) error { return s.server.WaitReady(ctx) }

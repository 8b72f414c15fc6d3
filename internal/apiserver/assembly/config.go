package assembly

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/encoding"
	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/heap"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/registry"
	"github.com/mckinsey/ark-server/internal/version"
)

// Config is a server in the making. NewConfig fills in what both modes share.
type Config struct {
	// Generic is the stock configuration. A mode sets its Authentication,
	// Authorization and AdmissionControl; LoopbackClientConfig is ready to use.
	Generic *genericapiserver.Config
	// Informers feed admission plugins and the like; they are started with the
	// server, which is not ready before they have synced.
	Informers informers.SharedInformerFactory
	// InProcess makes clients of the server for other parts of the process. Their calls wait until it
	// serves.
	InProcess *inprocess.Transport
	tracer    trace.TracerProvider // nil for none
	// OpenAPI describes the types that the mode serves beyond Ark's.
	OpenAPI []OpenAPISource
	// Core reads the Secrets and ConfigMaps that Ark objects refer to; nil leaves
	// such references unchecked. The documentation of internal/registry says how
	// to implement it.
	Core rules.KeyedObjects
	// Past has what Ark objects were; nil for none.
	Past registry.Past
	// Outer goes around the whole handler of the server; nil for nothing.
	Outer func(http.Handler) http.Handler

	modelURLs rules.URLPolicy
	executor  string
	maxObject storage.ObjectLimit

	backend storage.Backend
	scheme  *runtime.Scheme
	codecs  serializer.CodecFactory
	json    *encoding.Codecs
	off     hooks.Off

	findings *findings.Findings
}

// NewConfig turns valid options into a configuration. It takes over the
// listener; the backend stays the caller's, to be closed after Server.Run.
func NewConfig(o Options, backend storage.Backend) (*Config, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("check the server's options: %w", err)
	}
	if err := storage.SetFeatureGates(o.Off); err != nil {
		return nil, err
	}
	scheme, err := install.NewScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	json, err := encoding.NewCodecs(install.Kinds(), o.Off)
	if err != nil {
		return nil, err
	}
	generic := genericapiserver.NewConfig(codecs)
	generic.EffectiveVersion = newEffectiveVersion()
	generic.FeatureGate = utilfeature.DefaultFeatureGate
	generic.RequestTimeout = o.RequestTimeout
	generic.MaxRequestBodyBytes = o.maxRequestBytes()
	generic.JSONPatchMaxCopyBytes = o.maxRequestBytes()
	generic.MaxRequestsInFlight = o.MaxInFlight
	generic.MaxMutatingRequestsInFlight = o.MaxMutatingInFlight
	generic.ShutdownWatchTerminationGracePeriod = o.WatchGrace
	generic.ShutdownDelayDuration = o.ShutdownDelay
	generic.ShutdownSendRetryAfter = o.SendRetryAfter
	// Priority and fairness is a mode's to turn on: its rules are objects, which not every mode can
	// read. The limits above stand in for it.
	generic.FlowControl = nil
	generic.EnableIndex = true
	generic.EnableProfiling = true

	serving := genericoptions.NewSecureServingOptions()
	serving.Listener = o.Listener
	serving.ServerCert.CertKey = genericoptions.CertKey{CertFile: o.CertFile, KeyFile: o.KeyFile}
	if o.LocalCertFile != "" {
		serving.SNICertKeys = []cliflag.NamedCertKey{{Names: o.LocalNames, CertFile: o.LocalCertFile, KeyFile: o.LocalKeyFile}}
	}
	serving.HTTP2MaxStreamsPerConnection = filters.StreamsPerConnection(o.FrontProxy)
	if err := serving.ApplyTo(&generic.SecureServing); err != nil {
		return nil, fmt.Errorf("set up TLS serving: %w", err)
	}
	generic.PublicAddress = serving.BindAddress
	// The stock loopback client is one with TLS and a token that may do anything. This one has
	// neither.
	local := inprocess.New(version.UserAgent())
	generic.LoopbackClientConfig, err = local.Config(&user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup}})
	if err != nil {
		return nil, err
	}

	var tracer trace.TracerProvider // without a file there are no spans, and nothing that costs
	if o.TracingFile != "" {
		if err := applyTracing(o.TracingFile, generic); err != nil {
			return nil, fmt.Errorf("set up tracing: %w", err)
		}
		tracer = generic.TracerProvider
	}

	// Liveness does not depend on the storage: restarting the server would not
	// bring a database back.
	generic.AddReadyzChecks(healthz.NamedCheck("storage", func(r *http.Request) error {
		return backend.Ready(r.Context())
	}))
	// A prober that is to leave such a server in service excludes this one: it answers all that needs
	// no more memory.
	generic.AddReadyzChecks(healthz.NamedCheck("memory", func(*http.Request) error {
		if use := heap.Current(); use.Pressure != heap.Low {
			return fmt.Errorf("%d of %d MiB are in use and cannot be freed: watches and lists without a limit get 429, and once it is full new objects too. Delete objects, or give the server more memory", use.Used>>20, use.Limit>>20)
		}
		return nil
	}))
	return &Config{Generic: generic, modelURLs: o.ModelURLs, executor: o.Executor, maxObject: storage.ObjectLimit{Bytes: o.MaxObjectBytes, Advice: o.MaxObjectAdvice}, backend: backend, scheme: scheme, codecs: codecs, json: json, InProcess: local, tracer: tracer, findings: o.Findings, off: o.Off}, nil
}

// logFailure logs a request that failed, unless it is one of the server's own that its end cut
// short.
func (c *Config) logFailure(message string, keysAndValues ...any) {
	own := func(value any) bool {
		text, ok := value.(string)
		return ok && strings.HasPrefix(text, version.UserAgent())
	}
	if c.InProcess.Refuses() && slices.ContainsFunc(keysAndValues, own) {
		return
	}
	klog.ErrorS(nil, message, keysAndValues...)
}

// CompletedConfig is a configuration with every default filled in.
type CompletedConfig struct {
	generic genericapiserver.CompletedConfig
	*Config
}

// Complete fills in the defaults that follow from the rest. The configuration
// must not be changed afterwards.
func (c *Config) Complete() CompletedConfig {
	applyOpenAPI(c.Generic, c.scheme, c.OpenAPI)
	c.Generic.BuildHandlerChainFunc = func(api http.Handler, config *genericapiserver.Config) http.Handler {
		chain := filters.Chain(api, config, filters.Options{Kinds: install.Kinds(), Serializer: c.codecs, Findings: c.findings, LogFailure: c.logFailure, Off: c.off})
		if c.Outer != nil {
			chain = c.Outer(chain)
		}
		return chain
	}
	if c.Generic.Authentication.Authenticator != nil {
		c.Generic.Authentication.Authenticator = c.InProcess.Authenticator(c.Generic.Authentication.Authenticator)
		c.Generic.Authentication.Authenticator = filters.Authenticator(c.Generic, c.off)
	}
	c.Generic.RESTOptionsGetter = c.arkStorage()
	return CompletedConfig{generic: c.Generic.Complete(c.Informers), Config: c}
}

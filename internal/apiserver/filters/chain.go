package filters

import (
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// Options are the properties of the server that the filters need.
type Options struct {
	// Kinds are the Ark kinds that it serves.
	Kinds []install.Kind
	// Serializer writes the answers of the filters' own.
	Serializer runtime.NegotiatedSerializer
	// Findings counts panics; nil for not at all.
	Findings *findings.Findings
	// LogFailure logs a request that failed, with keys and values as slog has them.
	LogFailure func(message string, keysAndValues ...any)
	// Off are the hooks to do without.
	Off hooks.Off
}

// Chain returns the handler of a whole server: the stock chain, with filters inside it, where a
// request has its user and its verb, and around it. The authenticator of the configuration must be
// one that Authenticator returned.
func Chain(api http.Handler, config *genericapiserver.Config, o Options) http.Handler {
	api = withApplied(api, o.Kinds, config.MaxRequestBodyBytes)
	if !o.Off.Has(hooks.Faults) {
		api = withPatchFaults(withApplyFaults(api, o.Serializer), o.Serializer)
	}
	api = withMemory(api, o.Serializer, pressureOn, o.Findings.NoteShed)
	api = withSort(withTraceID(withRequestActor(api)))
	if !o.Off.Has(hooks.Panics) {
		api = withPanics(api, o.Serializer, o.Findings)
	}
	chain := genericapiserver.DefaultBuildHandlerChain(withMediaTypes(api, o.Serializer), config)
	limits := deadlines{longest: config.RequestTimeout, resolver: config.RequestInfoResolver, longRunning: config.LongRunningFunc}
	chain = withDrain(config.MaxRequestBodyBytes, o.Off, withSender(withFailureLog(chain, limits, o.LogFailure)))
	return withConnections(config.RequestTimeout, frontProxy(config.Authentication.RequestHeaderConfig), chain)
}

// Authenticator returns an authenticator that tells the chain whom the one of a configuration
// finds.
func Authenticator(config *genericapiserver.Config, off hooks.Off) authenticator.Request {
	known := proveConnection(rememberSender(config.Authentication.Authenticator, off))
	if config.FlowControl == nil {
		return known
	}
	return newBodiesAhead(config.MaxRequestBodyBytes).authenticator(known)
}

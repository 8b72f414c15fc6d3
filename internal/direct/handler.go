package direct

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/client-go/rest"
)

// Options say what to pass on, and where.
type Options struct {
	// Cluster is the way to kube-apiserver. Its credentials are not used.
	Cluster *rest.Config
	// Groups are the API groups that the server serves itself.
	Groups []string
	// Errors encodes the answers of the package's own.
	Errors runtime.NegotiatedSerializer
	// MaxInFlight bounds the requests that wait for kube-apiserver, watches and upgrades apart.
	// Default: 400.
	MaxInFlight int
}

// Handler answers for the server's groups and passes the rest on. It is safe for concurrent use.
type Handler struct {
	own     []string
	groups  []string
	errors  runtime.NegotiatedSerializer
	cluster *url.URL
	// plain is the way for requests, upgrading the one for upgrades, which only HTTP/1.1 has.
	plain, upgrading http.RoundTripper
	slots            chan struct{}
	counters         *counters
	// closing ends with Close; it belongs to the handler, as a server's base context does.
	closing context.Context //nolint:containedctx // see above
	close   context.CancelFunc
}

const defaultInFlight = 400

// New returns a handler. Errors: a cluster that cannot be reached by what Options say.
func New(o Options) (*Handler, error) {
	anonymous := rest.AnonymousClientConfig(o.Cluster)
	anonymous.QPS, anonymous.RateLimiter = -1, nil
	cluster, _, err := rest.DefaultServerUrlFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("read the address of kube-apiserver: %w", err)
	}
	plain, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("set up connections to kube-apiserver: %w", err)
	}
	old := rest.CopyConfig(anonymous)
	old.NextProtos = []string{"http/1.1"}
	upgrading, err := rest.TransportFor(old)
	if err != nil {
		return nil, fmt.Errorf("set up connections to kube-apiserver for upgrades: %w", err)
	}
	h := &Handler{counters: newCounters(), own: ownPaths(o.Groups), groups: o.Groups, errors: o.Errors, cluster: cluster, plain: plain, upgrading: upgrading}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = defaultInFlight
	}
	h.slots = make(chan struct{}, o.MaxInFlight)
	h.closing, h.close = context.WithCancel(context.Background())
	return h, nil
}

// Around returns a handler that passes the server's own requests to next, and answers the others.
func (h *Handler) Around(next http.Handler) http.Handler {
	forward := h.proxy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case below(path, h.own):
			next.ServeHTTP(w, r)
		case certified(r) && describes(path):
			// Of the aggregator, which wants this server's own; and a user learns what is open to a
			// certificate.
			next.ServeHTTP(w, r)
		case certified(r):
			h.refuse(w, r, errCertificate(path))
		case r.Method == http.MethodGet && slices.Contains(merged, path):
			h.complete(w, r, forward, next)
		default:
			h.forward(w, r, forward)
		}
	})
}

// Close ends the watches and upgrades that are under way. Their clients go on elsewhere.
func (h *Handler) Close() { h.close() }

// errCertificate says what a client certificate is not good for.
func errCertificate(path string) error {
	return apierrors.NewForbidden(schema.GroupResource{}, "", fmt.Errorf(
		"%s is kube-apiserver's, and a client certificate cannot be passed on to it: use a bearer token (kubectl create token ACCOUNT) here, or go to kube-apiserver with the certificate", path))
}

// refuse answers with an error of the package's own.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.counters.count(outcomeRefused)
	responsewriters.ErrorNegotiated(err, h.errors, schema.GroupVersion{Version: "v1"}, w, r)
}

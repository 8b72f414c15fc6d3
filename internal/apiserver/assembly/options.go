package assembly

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
)

// Options are the settings that both modes share.
type Options struct {
	// Listener accepts the TLS connections. The server closes it.
	Listener net.Listener
	// CertFile and KeyFile hold the serving certificate as PEM. They are read
	// again when they change.
	CertFile, KeyFile string
	// LocalCertFile and LocalKeyFile hold another one, for LocalNames: host names, and IP addresses of
	// this machine; "" for none.
	LocalCertFile, LocalKeyFile string
	LocalNames                  []string
	// RequestTimeout bounds every request but watches.
	RequestTimeout time.Duration
	// MaxObjectBytes is about the largest object that the storage takes, and
	// MaxObjectAdvice how a user can have a larger one, as a clause with a verb. A request may
	// be twice as large, and 3 MiB in any case; a larger one is 413 unread.
	MaxObjectBytes  int
	MaxObjectAdvice string
	// MaxInFlight and MaxMutatingInFlight bound the requests, and the writes
	// among them, that are served at once; further ones get 429.
	MaxInFlight, MaxMutatingInFlight int
	// FrontProxy reports whether a proxy in front of the server sends many requests over few
	// connections.
	// The authentication configuration identifies that proxy.
	FrontProxy bool
	// WatchGrace is how long watches may take to end at shutdown.
	WatchGrace time.Duration
	// ShutdownDelay is how long the server still serves after it has turned
	// unready, for load balancers to notice.
	ShutdownDelay time.Duration
	// ModelURLs is the policy for the base URLs of models.
	ModelURLs rules.URLPolicy
	// Executor is the user who executes queries in the process; "" for none. See registry.Environment.
	Executor string
	// TracingFile is a TracingConfiguration: where OpenTelemetry spans go, and of how
	// many requests; "" for none.
	TracingFile string
	// Findings counts what is found in objects and handlers; nil for not at all.
	Findings *findings.Findings
	// Off are the hooks to do without.
	Off hooks.Off
	// SendRetryAfter answers requests that come after ShutdownDelay with 429 and
	// Connection: close until those in flight are done. Without it the server stops
	// to listen.
	SendRetryAfter bool
}

// NewOptions returns the defaults; Listener and the certificate are missing.
func NewOptions() Options {
	return Options{
		RequestTimeout:      time.Minute,
		MaxObjectBytes:      storage.DefaultMaxObjectBytes,
		MaxObjectAdvice:     "raise the server's limit",
		MaxInFlight:         1600,
		MaxMutatingInFlight: 800,
		WatchGrace:          10 * time.Second,
	}
}

// minRequestBytes is the stock limit of a request's body.
const minRequestBytes = 3 << 20

// maxRequestBytes is the largest request body. A patch or an object in YAML or with indents takes
// more than what is stored.
func (o Options) maxRequestBytes() int64 { return max(2*int64(o.MaxObjectBytes), minRequestBytes) }

// Validate returns all faults at once.
func (o Options) Validate() error {
	var errs []error
	if o.Listener == nil {
		errs = append(errs, errors.New("no listener is set"))
	}
	if o.CertFile == "" || o.KeyFile == "" {
		errs = append(errs, errors.New("no serving certificate is set"))
	}
	for name, d := range map[string]time.Duration{"request timeout": o.RequestTimeout, "watch grace": o.WatchGrace, "shutdown delay": o.ShutdownDelay} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("the %s is negative: %s", name, d))
		}
	}
	if o.RequestTimeout == 0 {
		errs = append(errs, errors.New("the request timeout is zero"))
	}
	if o.MaxObjectBytes <= 0 || o.MaxObjectBytes > storage.MaxMaxObjectBytes {
		errs = append(errs, fmt.Errorf("the largest object is not between 1 and %d bytes: %d", storage.MaxMaxObjectBytes, o.MaxObjectBytes))
	}
	if o.MaxInFlight <= 0 || o.MaxMutatingInFlight <= 0 {
		errs = append(errs, errors.New("the number of requests in flight is not positive"))
	}
	return errors.Join(errs...)
}

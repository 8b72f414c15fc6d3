package aggregated

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/records"
)

// Options configure an aggregated server.
type Options struct {
	// Listener is where the server accepts TLS connections. The server closes it.
	Listener net.Listener
	// CertFile and KeyFile hold the serving certificate as PEM, for the name
	// <service>.<namespace>.svc. They are read again when they change.
	CertFile, KeyFile string
	// Cluster is the way to the kube-apiserver, see ClusterConfig.
	Cluster *rest.Config
	// ConnectTimeout bounds how long New waits for the kube-apiserver to answer.
	ConnectTimeout time.Duration

	// TokenTTL is how long the answer about a bearer token is good.
	TokenTTL time.Duration
	// AllowTTL and DenyTTL are how long an answer about a permission is good. A
	// change of RBAC takes effect after at most that.
	AllowTTL, DenyTTL time.Duration

	// Direct serves whole clusters: what is not the server's goes to the kube-apiserver, see
	// internal/direct.
	Direct bool
	// OutageGrace is how long users and permissions that the kube-apiserver has confirmed stay good
	// while it does not answer; with Direct. 0 is not at all.
	OutageGrace time.Duration
	// ReviewNames asks about each object's name, with Direct. Without, a right to all objects of a
	// resource is asked about first, which is less work for the kube-apiserver, and wrong where an
	// authorization webhook forbids single names.
	ReviewNames bool

	// DisabledAdmission names admission plugins to leave out.
	DisabledAdmission []string
	// AdmissionConfigFile is an AdmissionConfiguration, or "" for none.
	AdmissionConfigFile string
	// ModelURLs is the policy for the base URLs of Models.
	ModelURLs rules.URLPolicy
	// Audit configures which events are recorded, and where.
	Audit *genericoptions.AuditOptions

	// TracingFile is a TracingConfiguration, or "" for no spans.
	TracingFile string
	// Findings counts what is found in objects and handlers; nil for not at all.
	Findings *findings.Findings

	// Executor is the user who executes queries in the process; "" for none. See assembly.Options.
	Executor string
	// Records is the group of what is recorded about Ark objects; nil for none.
	Records *records.Group
	// Parts are the parts of the process other than the API.
	Parts Parts
	// Off are the hooks into the stock server to do without.
	Off hooks.Off
	// MaxObjectBytes and MaxObjectAdvice are those of assembly.Options.
	MaxObjectBytes  int
	MaxObjectAdvice string

	// ShutdownDelay is how long the server goes on serving after it has turned
	// unready, for the Service's endpoints and their users to follow.
	ShutdownDelay time.Duration
	// SendRetryAfter answers requests that come after that with 429 and Connection:
	// close, until those in flight are done, instead of refusing connections.
	SendRetryAfter bool
	// WatchGrace is how long watches may take to end at shutdown.
	WatchGrace time.Duration
}

// NewOptions returns the defaults; the listener, the certificate and the cluster
// are missing.
func NewOptions() Options {
	return Options{
		ConnectTimeout: 30 * time.Second,
		TokenTTL:       10 * time.Second,
		AllowTTL:       10 * time.Second,
		DenyTTL:        10 * time.Second,
		OutageGrace:    5 * time.Minute,
		Audit:          genericoptions.NewAuditOptions(),
		MaxObjectBytes: storage.DefaultMaxObjectBytes,
		ShutdownDelay:  10 * time.Second,
		SendRetryAfter: true,
		WatchGrace:     10 * time.Second,
	}
}

// Validate returns all faults at once; what internal/apiserver/assembly checks is left to it.
func (o Options) Validate() error {
	var errs []error
	if o.Cluster == nil {
		errs = append(errs, errors.New("no cluster is set"))
	}
	for name, ttl := range map[string]time.Duration{"tokens": o.TokenTTL, "permissions": o.AllowTTL, "refusals": o.DenyTTL, "what the kube-apiserver has confirmed": o.OutageGrace} {
		if ttl < 0 {
			errs = append(errs, fmt.Errorf("the time to remember %s is negative: %s", name, ttl))
		}
	}
	for _, name := range o.DisabledAdmission {
		if !slices.Contains(PluginNames(), name) {
			errs = append(errs, fmt.Errorf("no admission plugin is called %q", name))
		}
	}
	if o.Audit != nil {
		errs = append(errs, o.Audit.Validate()...)
	}
	return errors.Join(errs...)
}

package standalone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/token"
)

// Options configure a standalone server.
type Options struct {
	// Listener is where the server accepts TLS connections; it must be TCP. The
	// server closes it.
	Listener net.Listener
	// Names are DNS names and IP addresses, beyond those of loopback and of the
	// listener, at which clients reach the server.
	Names []string
	// KeysDir is the folder of the server's keys; made if missing.
	KeysDir string
	// Kubeconfig is the file that the admin's entry is added to; made if missing.
	Kubeconfig string
	// Name is what the server is called there; empty for "ark".
	Name string
	// Admission are the settings of the admission plugins.
	Admission Admission
	// Shared says that other servers may use the same storage: the controllers then run on one of
	// them.
	Shared bool
	// Tokens knows the users to whom tokens were given, and makes and revokes these; nil where there
	// is no place for them.
	Tokens *token.Store
	// Authentication says which users of issuers outside are known.
	Authentication Authentication
	// CertFile and KeyFile hold the serving certificate as PEM, and are read again when they change.
	// At its own machine's addresses the server shows one that the authority in KeysDir has signed,
	// and everywhere where these are "".
	CertFile, KeyFile string
	// Encryption encrypts what is stored; nil leaves it as it is.
	Encryption *encryption.Provider
	// Audit says which events are recorded, and where; nil for none.
	Audit *genericoptions.AuditOptions
	// allowed are groups that may do anything, beside those whom the server itself allows, and seats
	// bounds the requests that are served at a time; both are for tests.
	allowed []string
	seats   int
	// Grants are the rights of users that are parts of the process.
	Grants []parts.Grant
	// Paths are those of parts of the process that are not of the API; LongRunning reports, beside the
	// stock answer, whether a request may take as long as it likes, and Outer goes around the whole
	// handler. Both may be nil.
	Paths       []parts.Paths
	LongRunning func(*http.Request) bool
	Outer       func(http.Handler) http.Handler
	// Records is the group of what is recorded about Ark objects; nil for none.
	Records *records.Group
	// Tune changes the common options before they are used; may be nil.
	Tune func(*assembly.Options)
}

// Server is a standalone Ark API server.
type Server struct {
	// URL is the address at which this machine reaches the server.
	URL string
	// Generic is the API server underneath.
	Generic *genericapiserver.GenericAPIServer
	// InProcess makes clients of the server for other parts of the process.
	InProcess *inprocess.Transport
	// Tracer makes spans for other parts of the process; nil where there are none.
	Tracer trace.TracerProvider
	// Access answers which rows users may see. A change of rights counts at once.
	Access *access.Resolver

	server     *assembly.Server
	keys       *Keys
	accounts   *serviceAccountTokens
	encryption *encryption.Provider
	follow     func(context.Context) // changes of the authentication configuration
	background sync.WaitGroup
	// upkeep ends the controllers, before the server stops.
	upkeep upkeepEnd
}

// New assembles a server on a backend, and writes its keys and kubeconfig. The
// backend stays the caller's, to be closed when Run has returned.
func New(o Options, backend storage.Backend) (_ *Server, err error) {
	listen, ok := o.Listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("listen on %s: only TCP will do", o.Listener.Addr())
	}
	keys, err := OpenKeys(o.KeysDir, servingNames(listen, o.Names), time.Now)
	if err != nil {
		return nil, &KeysError{Dir: o.KeysDir, Err: err}
	}
	url := URL(listen)
	if _, err := keys.Kubeconfig(cmp.Or(o.Name, "ark"), url).Merge(o.Kubeconfig, false); err != nil {
		return nil, &KubeconfigError{Path: o.Kubeconfig, Err: err}
	}

	common := assembly.NewOptions()
	common.Listener = o.Listener
	common.CertFile, common.KeyFile = keys.ServingCert(), keys.ServingKey()
	if o.CertFile != "" {
		if common.LocalNames, err = localNames(listen, o.CertFile, o.KeyFile); err != nil {
			return nil, &CertificateError{Path: o.CertFile, Err: err}
		}
		common.LocalCertFile, common.LocalKeyFile = common.CertFile, common.KeyFile
		common.CertFile, common.KeyFile = o.CertFile, o.KeyFile
	}
	if o.Tune != nil {
		o.Tune(&common)
	}
	config, err := assembly.NewConfig(common, backend)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config.Generic.LoopbackClientConfig)
	if err != nil {
		return nil, fmt.Errorf("make the server's own client: %w", err)
	}
	config.Informers = informers.NewSharedInformerFactory(client, informerResync)
	views, err := newViews()
	if err != nil {
		return nil, err
	}
	config.OpenAPI = append(config.OpenAPI, coreOpenAPI(), views.openAPI())
	if o.Records != nil {
		config.OpenAPI, config.Past = append(config.OpenAPI, o.Records.OpenAPI()), o.Records.Past()
	}
	accounts, err := newServiceAccountTokens(keys)
	if err != nil {
		return nil, &KeysError{Dir: o.KeysDir, Err: err}
	}
	authenticating, stop := context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			stop()
		}
	}()
	follow, err := applyAuthentication(authenticating, config.Generic, client, keys, accounts, o.tokenAuthenticator(), o.Authentication)
	if err != nil {
		return nil, err
	}
	if o.Audit != nil {
		if err := o.Audit.ApplyTo(config.Generic); err != nil {
			return nil, fmt.Errorf("set up the audit log: %w", err)
		}
	}
	rights := newRights(config.Informers)
	if config.Generic.Authorization.Authorizer, err = rights.authorizer(o.allowed); err != nil {
		return nil, err
	}
	config.Generic.Authorization.Authorizer = parts.WithPaths(parts.WithGrants(config.Generic.Authorization.Authorizer, o.Grants, config.InProcess.Caller), o.Paths)
	config.Outer = o.Outer
	if stock := config.Generic.LongRunningFunc; o.LongRunning != nil {
		config.Generic.LongRunningFunc = func(r *http.Request, info *request.RequestInfo) bool {
			return stock(r, info) || o.LongRunning(r)
		}
	}
	rows, err := access.New(access.Options{Authorizer: config.Generic.Authorization.Authorizer, Rules: rights.rules})
	if err != nil {
		return nil, err
	}
	applyFairness(config.Generic, client, config.Informers, cmp.Or(o.seats, seats()))
	if err := applyAdmission(o.Admission, config.Generic, client, config.Informers); err != nil {
		return nil, err
	}

	stock := coreLayout(backend.StorageConfig())
	if o.Encryption != nil {
		stock = encryptedLayout{stock, o.Encryption}
		config.Generic.AddReadyzChecks(o.Encryption)
	}
	upstream := config.Storage(stock)
	core, err := newCore(upstream, accountTokens{accounts, config.Generic.Authorization.Authorizer, client})
	if err != nil {
		return nil, err
	}
	config.Core = core
	groups, err := newGroups(config.Generic, core, rights, client, upstream)
	if err != nil {
		return nil, err
	}

	server, err := config.Complete().New()
	if err != nil {
		return nil, err
	}
	server.Generic.RegisterDestroyFunc(stop)
	explainAbsent(server.Generic)
	if err := accounts.installMetadata(server.Generic, url); err != nil {
		return nil, err
	}
	if o.Tokens != nil {
		installTokens(server.Generic, o.Tokens)
	}
	s := &Server{URL: url, Generic: server.Generic, InProcess: server.InProcess, Tracer: server.Tracer, Access: rows, server: server, keys: keys, accounts: accounts, encryption: o.Encryption, follow: follow}
	stored := storages{}
	for version, paths := range server.Storage {
		stored.add(schema.GroupVersion{Group: ark.GroupName, Version: version}, paths)
	}
	for _, group := range groups {
		if err := group.install(server.Generic); err != nil {
			return nil, err
		}
		stored.add(group.version, group.resources)
	}
	if err := views.install(server.Generic); err != nil {
		return nil, err
	}
	if o.Records != nil {
		if err := o.Records.Install(server.Generic, rows, server.InProcess, config.Storage(o.Records.Layout(backend.StorageConfig()))); err != nil {
			return nil, err
		}
	}
	upkeep := controllers{config: config.Generic.LoopbackClientConfig, client: client, stored: stored}
	if o.Shared {
		s.upkeep.patience = giveBackWithin
		upkeep.identity = serverIdentity(listen)
	}
	return s, s.addHooks(client, config.Informers, upkeep)
}

// tokenAuthenticator is nil without Tokens.
func (o Options) tokenAuthenticator() authenticator.Token {
	if o.Tokens == nil {
		return nil
	}
	return o.Tokens
}

const informerResync = 10 * time.Minute

// addHooks registers what happens once the server serves. It is not ready before
// its namespaces and its default roles exist.
func (s *Server) addHooks(client kubernetes.Interface, informers informers.SharedInformerFactory, upkeep controllers) error {
	return errors.Join(
		s.Generic.AddPostStartHook("ark-system-namespaces", func(hook genericapiserver.PostStartHookContext) error {
			return ignoreCanceled(ensureNamespaces(hook, client))
		}),
		s.Generic.AddPostStartHook("ark-default-roles", func(hook genericapiserver.PostStartHookContext) error {
			return ignoreCanceled(ensureDefaultRoles(hook, client, informers))
		}),
		s.Generic.AddPostStartHook("ark-fairness", func(hook genericapiserver.PostStartHookContext) error {
			return ignoreCanceled(s.keepFairness(hook, client, informers))
		}),
		s.Generic.AddPostStartHook("ark-controllers", func(hook genericapiserver.PostStartHookContext) error {
			s.background.Go(func() {
				hook, ended := s.upkeep.begin(hook)
				defer ended()
				// Earlier the garbage collector would find watch caches that are still being filled, and try
				// again only after seconds.
				if s.WaitReady(hook) == nil {
					upkeep.keep(hook)
				}
			})
			s.background.Go(func() { renewCertificates(hook, s.keys) })
			s.background.Go(func() { s.follow(hook) })
			if s.encryption != nil {
				s.background.Go(func() { s.encryption.Follow(hook) })
			}
			return nil
		}),
	)
}

// Run serves until the context ends, then drains what is in flight and waits
// for everything it has started.
func (s *Server) Run(ctx context.Context) error {
	defer s.background.Wait()
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		s.upkeep.end()
		stop(context.Cause(ctx))
	})()
	return s.server.Run(serving)
}

// WaitReady returns nil once the server is ready, or the context's error.
func (s *Server) WaitReady(ctx context.Context) error { return s.server.WaitReady(ctx) }

// A hook that the end of the server cuts short has not failed.
func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

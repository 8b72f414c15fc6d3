package chat

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/keylimit"
	"github.com/mckinsey/ark-server/internal/stream"
	"github.com/mckinsey/ark-server/internal/token"
)

// Prefixes are the prefixes of the paths that this package serves.
var Prefixes = []string{"/v1/", "/openai/v1/"}

// Owns reports whether this package serves a path.
func Owns(path string) bool {
	return slices.ContainsFunc(Prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}

// LongRunning reports whether a request may take as long as a Query.
func LongRunning(r *http.Request) bool {
	_, below := SubresourceOf(r.URL.Path)
	streams := r.Method == http.MethodGet && Owns(r.URL.Path) && (r.URL.Query().Get("stream") == "true" || r.ContentLength != 0)
	return below || streams || r.Method == http.MethodPost && (Owns(r.URL.Path) || OwnsMCP(r.URL.Path))
}

const (
	// headerNamespace is the namespace of the target of a request.
	headerNamespace = "X-Ark-Namespace"
	// headerDisconnect controls what happens to the Query of a client that disconnects: cancel or
	// continue.
	headerDisconnect = "X-Ark-On-Disconnect"
	// headerKey identifies a request, so that a repeated request is recognized.
	headerKey = "Idempotency-Key"
	// headerQuery is the name of the Query in an answer.
	headerQuery = "X-Ark-Query"
	// defaultNamespace is the namespace of requests that name none.
	defaultNamespace = "default"
)

// Options configure a server.
type Options struct {
	// Transport makes clients with the caller's identity, and System is a client with the identity of
	// the server's own user.
	Transport *inprocess.Transport
	System    *objects.Client
	Access    *access.Resolver
	Broker    *stream.Broker
	// Requests stores the part of a request that a Query cannot contain, for the engine in this
	// process; nil if the engine is outside.
	Requests Requests
	// Offer passes a new Query to the engine in this process, so that it need not wait for its watch;
	// nil if the engine is outside. The stream of a Query that this engine runs ends with the Query as
	// it is stored.
	Offer func(context.Context, *v1alpha1.Query)
	// Full reports whether the memory limit for new Queries is reached; nil for no limit.
	Full func() bool
	// Conversations stores earlier messages for an engine outside; nil if the engine could not reach
	// them.
	Conversations Conversations
	// Responses stores the data of a response that its Query does not contain; nil if they cannot be
	// stored.
	Responses Responses
	// Limits counts the use of keys with limits; nil if it cannot be stored: then such keys are
	// refused.
	Limits *keylimit.Ledger
	// Trace returns the trace context that a Query carries, so that its execution belongs to the trace
	// of its request; "" for none.
	Trace func(context.Context) string
	// MaxBody is the most bytes of a request.
	MaxBody  int64
	Observer Observer
}

// Requests stores what clients have sent in addition to their Queries.
type Requests interface {
	// Keep stores the messages, tools and parameters of a request whose Query will have this name, and
	// returns the value of the Query's AnnotationRequest.
	Keep(ctx context.Context, namespace, query string, r Kept) (string, error)
	// Forget deletes the entry.
	Forget(ctx context.Context, namespace, query string) error
}

// Conversations stores messages where an engine outside can read them.
type Conversations interface {
	// Begin stores messages as a new conversation, and returns its id and the Memory with which an
	// engine finds it.
	Begin(ctx context.Context, namespace, query string, messages [][]byte) (id, memory string, err error)
}

// Server is the handler of the API. It is safe for concurrent use.
type Server struct {
	options Options
	system  caller
	mcp     http.Handler
	closing chan struct{}
	// waiting counts the background functions, which wait for Queries whose clients do not wait. mu
	// serializes their start and Close.
	mu      sync.Mutex
	waiting sync.WaitGroup
}

// New returns a server.
func New(o Options) (*Server, error) {
	system, err := o.Transport.As(&user.DefaultInfo{Name: User})
	if err != nil {
		return nil, err
	}
	return &Server{options: o, system: caller{&http.Client{Transport: system}}, mcp: newMCP(o.MaxBody), closing: make(chan struct{})}, nil
}

// Close marks that the process stops: from then on, a lost connection does not count as a
// disconnected client. It is called once.
func (s *Server) Close() {
	s.mu.Lock()
	close(s.closing)
	s.mu.Unlock()
	s.waiting.Wait()
}

// background runs a function concurrently with the requests. Its context ends on Close at the
// latest.
func (s *Server) background(ctx context.Context, run func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping() {
		return
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.waiting.Go(func() {
		defer stop()
		run(ctx)
	})
	s.waiting.Go(func() {
		select {
		case <-s.closing:
			stop()
		case <-ctx.Done():
		}
	})
}

func (s *Server) stopping() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := audit.GetAuditIDTruncated(r.Context()); id != "" {
		w.Header().Set("X-Request-Id", id)
	}
	who, err := s.caller(r)
	if err != nil {
		faultOf(err).write(w)
		return
	}
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/openai"), "/")
	id, isModel := strings.CutPrefix(path, "/v1/models/")
	var fault *Fault
	switch {
	case path == "/v1/chat/completions":
		if fault = method(r, http.MethodPost); fault == nil {
			fault = s.answerAs(completionFormat{}, w, r, who)
		}
	case path == "/v1/responses", strings.HasPrefix(path, "/v1/responses/"):
		fault = s.responses(w, r, who, strings.TrimPrefix(strings.TrimPrefix(path, "/v1/responses"), "/"))
	case path == "/v1/models":
		if fault = method(r, http.MethodGet); fault == nil {
			fault = s.listModels(w, r, who)
		}
	case isModel:
		if fault = method(r, http.MethodGet); fault == nil {
			fault = s.getModel(w, r, who, id)
		}
	default:
		fault = &Fault{Status: http.StatusNotFound, Type: typeInvalid, Code: text("unknown_url"), Message: "there is no " + r.Method + " " + r.URL.Path}
	}
	if fault != nil {
		fault.write(w)
	}
}

func method(r *http.Request, allowed string) *Fault {
	if r.Method == allowed {
		return nil
	}
	return &Fault{Status: http.StatusMethodNotAllowed, Type: typeInvalid, Code: text("method_not_allowed"), Message: r.Method + " is not for this path: use " + allowed}
}

// asker is the sender of a request.
type asker struct {
	caller
	user user.Info
	// namespace and targets restrict a key; "" and nil for no restriction.
	namespace string
	targets   []string
	// key is the ID of a key with limits, "" for a key without them.
	key    string
	limits token.Limits
}

// caller returns the sender of a request, with a client that acts as the same user but without the
// key's restrictions, which this package enforces.
func (s *Server) caller(r *http.Request) (asker, error) {
	of, ok := apirequest.UserFrom(r.Context())
	if !ok {
		return asker{}, serverFault(http.StatusInternalServerError, "internal_error", "the request has no user")
	}
	out := asker{}
	plain := &user.DefaultInfo{Name: of.GetName(), UID: of.GetUID(), Groups: of.GetGroups(), Extra: map[string][]string{}}
	for key, values := range of.GetExtra() {
		switch key {
		case token.ExtraNamespace:
			if len(values) > 0 {
				out.namespace = values[0]
			}
		case token.ExtraTarget:
			out.targets = values
		case token.ExtraLimit:
			var err error
			if out.limits, err = token.LimitsOf(values); err != nil {
				return asker{}, err
			}
			out.key = strings.Join(of.GetExtra()[user.CredentialIDKey], ",")
		default:
			plain.Extra[key] = values
		}
	}
	as, err := s.options.Transport.As(plain)
	if at, ok := r.Context().Value(proxiedKey{}).(Subresource); ok {
		as, err = s.options.Transport.AsWith(plain, parts.OwnKey(), at.rights(plain.Name))
	}
	if err != nil {
		return out, err
	}
	out.user, out.caller = plain, caller{&http.Client{Transport: as}}
	return out, nil
}

// namespaceOf returns the namespace of a request. named is the one in the model's id.
func (a asker) namespaceOf(r *http.Request, named string) (string, *Fault) {
	header := r.Header.Get(headerNamespace)
	switch {
	case header != "" && named != "" && header != named:
		return "", invalid("model", codeValue, "the model is in the namespace %q, and the header %s says %q", named, headerNamespace, header)
	case named == "":
		named = header
	}
	if named == "" {
		named = a.namespace
	}
	if named == "" {
		named = defaultNamespace
	}
	if strings.ContainsAny(named, "/?#%") {
		return "", invalid("", codeValue, "%q is no namespace", named)
	}
	if a.namespace != "" && named != a.namespace {
		return "", &Fault{Status: http.StatusForbidden, Type: typePermission, Code: text("key_namespace"), Message: "the key is for the namespace " + a.namespace}
	}
	return named, nil
}

// find returns the target that an id names, if the caller may query it.
func (s *Server) find(r *http.Request, who asker, id string) (target, *v1Object, *Fault) {
	to, ok := parseTarget(id)
	if !ok {
		return to, nil, notFound(id, "use agent/NAME, team/NAME, model/NAME or tool/NAME, with NAMESPACE/ before it if it is in another namespace")
	}
	var fault *Fault
	if to.namespace, fault = who.namespaceOf(r, to.namespace); fault != nil {
		return to, nil, fault
	}
	if len(who.targets) > 0 && !slices.Contains(who.targets, to.id()) {
		return to, nil, &Fault{Status: http.StatusForbidden, Type: typePermission, Code: text("key_target"), Message: "the key is not for " + to.id()}
	}
	if strings.ContainsAny(to.name, "?#%") {
		return to, nil, notFound(id, "it is no name")
	}
	object := &v1Object{}
	if err := who.call(r.Context(), http.MethodGet, resourcePath(to.namespace, to.resource(), to.name), nil, object); err != nil {
		if fault = faultOf(err); fault.Status == http.StatusNotFound {
			return to, nil, notFound(id, "GET /v1/models lists what there is in a namespace")
		}
		return to, nil, fault
	}
	return to, object, nil
}

func notFound(id, what string) *Fault {
	return &Fault{Status: http.StatusNotFound, Type: typeNotFound, Param: text("model"), Code: text(codeNoModel), Message: "the model " + id + " does not exist: " + what}
}

package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/a2a"
	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/chat"
	"github.com/mckinsey/ark-server/internal/conversation"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/keylimit"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/stream"
	"github.com/mckinsey/ark-server/internal/token"
	"github.com/mckinsey/ark-server/internal/tracing"
)

// ChatOptions say where OpenAI's API and the broker are served beside the HTTPS port.
type ChatOptions struct {
	// Listen is where OpenAI's API is served without TLS, and BrokerListen where the broker is, without authentication; "" for
	// nowhere.
	Listen, BrokerListen string
	// BrokerURL is where engines reach BrokerListen; "" for its own address.
	BrokerURL string
	// Origins are those of web pages that may use OpenAI's API.
	Origins []string
	// Off serves neither OpenAI's API nor proxy and log of objects. The broker is not meant.
	Off bool
}

func (o ChatOptions) outer(next http.Handler) http.Handler {
	if o.Off {
		return next
	}
	return chat.Outer(next, o.Origins)
}

func chatGrants() []parts.Grant {
	return []parts.Grant{{User: chat.User, Rules: chat.Rules()}}
}

func (o ChatOptions) paths() []parts.Paths {
	served := parts.Paths{Bound: func(who user.Info) bool { return len(who.GetExtra()[token.ExtraNamespace]) > 0 }}
	if !o.Off {
		served.Prefixes = chat.Prefixes
	}
	own := []string{stream.Prefix, a2a.Prefix}
	if !o.Off {
		own = append(own, chat.PathMCP)
	}
	return []parts.Paths{served, {Prefixes: own}}
}

func chatLongRunning(r *http.Request) bool {
	return chat.LongRunning(r) || stream.LongRunning(r) || a2a.LongRunning(r) || records.LongRunning(r)
}

// talk is what answers clients of OpenAI's API and of the broker.
type talk struct {
	chat     *chat.Server
	agents   *a2a.Server
	broker   *stream.Broker
	system   *objects.Client
	requests *conversation.Requests  // nil where there are no side tables
	memory   *conversation.Store     // the same
	answers  *conversation.Responses // the same
	events   *conversation.Events    // the same
	limits   *keylimit.Ledger        // the same
	outside  *outside                // nil where an engine in the process answers, or the broker has no port
	// whole is the handler of the server with all its filters.
	whole   http.Handler
	options ChatOptions
}

// base is an API server that answers chats, in either mode.
type base struct {
	generic   *genericapiserver.GenericAPIServer
	inProcess *inprocess.Transport
	access    *access.Resolver
}

// newChat adds the paths to a server.
func newChat(to base, data *data, o Options) (*talk, error) {
	config, err := to.inProcess.Config(&user.DefaultInfo{Name: chat.User})
	if err != nil {
		return nil, err
	}
	t := &talk{broker: stream.New(stream.DefaultLimits, time.Now), whole: to.generic.Handler, options: o.Chat}
	if t.system, err = objects.New(config); err != nil {
		return nil, err
	}
	if data.peers != nil {
		t.broker.Connect(replicas{data.peers})
		data.served.serve(t.broker)
	}
	options := chat.Options{
		Transport: to.inProcess, System: t.system, Access: to.access, Broker: t.broker, Observer: data.metrics.Chat(), Trace: tracing.Parent,
		MaxBody: requestLimit(o.Storage.MaxObjectBytes),
	}
	data.metrics.Streams(func() metrics.StreamStats { return metrics.StreamStats(t.broker.Stats()) })
	if data.side != nil {
		t.requests = conversation.NewRequests(data.side, time.Now)
		t.memory = conversation.NewStore(data.side, t.broker, time.Now)
		t.events = conversation.NewEvents(data.side, t.broker, time.Now)
		t.answers = conversation.NewResponses(data.side, time.Now)
		options.Responses = t.answers
		t.limits = keylimit.New(data.side, time.Now)
		options.Limits = t.limits
		switch {
		case o.Engine != nil:
			options.Requests = keptRequests{t.requests}
		case o.Chat.BrokerListen != "":
			t.outside = &outside{store: t.memory, system: t.system, broker: o.Chat.BrokerURL}
			options.Conversations = t.outside
		}
	}
	if t.chat, err = chat.New(options); err != nil {
		return nil, err
	}
	mux := to.generic.Handler.NonGoRestfulMux
	if !o.Chat.Off {
		for _, prefix := range chat.Prefixes {
			mux.UnlistedHandlePrefix(prefix, t.chat)
		}
		for _, path := range []string{chat.PathMCP, chat.PathMCP + "/"} {
			mux.UnlistedHandle(path, http.HandlerFunc(t.chat.ServeMCP))
		}
		t.serveSubresources(to.generic)
	}
	if t.agents, err = a2a.New(a2a.Options{
		Transport: to.inProcess, System: t.system, Broker: t.broker, Limits: t.limits, MaxBody: options.MaxBody,
	}); err != nil {
		return nil, err
	}
	mux.UnlistedHandlePrefix(a2a.Prefix, t.agents)
	rights := guarded{queries{t.system}, to.generic.Authorizer}
	mux.UnlistedHandlePrefix(stream.Prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, _ := stream.PlaceOf(r.URL.Path)
		t.serveBroker(w, r, at, rights)
	}))
	return t, nil
}

// serveBroker answers a request of Ark's HTTP API of brokers and memories.
func (t *talk) serveBroker(w http.ResponseWriter, r *http.Request, at stream.Place, rights stream.Queries) {
	switch {
	case at.Namespace == "":
		stream.Refuse(w, http.StatusNotFound, "NOT_FOUND", "the path names no namespace")
	case stream.Owns(at.Rest):
		stream.Handler{Broker: t.broker, Queries: rights}.Serve(w, r, at)
	case conversation.Owns(at.Rest) && t.memory != nil:
		may := rights.MayWrite
		if r.Method == http.MethodGet {
			may = rights.MayRead
		}
		if may(w, r, at.Namespace, "") {
			t.memory.Serve(w, r, at.Namespace, at.Rest)
		}
	case conversation.OwnsEvents(at.Rest) && t.events != nil:
		may := rights.MayWrite
		if r.Method == http.MethodGet {
			may = rights.MayRead
		}
		if may(w, r, at.Namespace, "") {
			t.events.Serve(w, r, at.Namespace, at.Rest)
		}
	default:
		stream.Refuse(w, http.StatusNotFound, "NOT_FOUND", "there is no such path")
	}
}

// requestLimit is that of bodies of the API server: see assembly.
func requestLimit(object int) int64 { return max(2*int64(object), 3<<20) }

// keptRequests is the store of requests as chat sees it.
type keptRequests struct{ store *conversation.Requests }

// Keep implements chat.Requests.
func (k keptRequests) Keep(ctx context.Context, namespace, query string, r chat.Kept) (string, error) {
	return k.store.Keep(ctx, namespace, query, conversation.Request(r))
}

// Forget implements chat.Requests.
func (k keptRequests) Forget(ctx context.Context, namespace, query string) error {
	return k.store.Forget(ctx, namespace, query)
}

// Request implements engine.Requests.
func (k keptRequests) Request(ctx context.Context, namespace, query, id string) (messages, tools []json.RawMessage, parameters map[string]json.RawMessage, err error) {
	r, err := k.store.Get(ctx, namespace, query, id)
	if err != nil {
		return nil, nil, nil, err
	}
	return r.Messages, r.Tools, r.Parameters, nil
}

// engineRequests is the store as the engine sees it.
func (t *talk) engineRequests() engine.Requests {
	if t.requests == nil {
		return nil
	}
	return keptRequests{t.requests}
}

// queries are the Queries of streams, for whoever reaches the broker.
type queries struct{ system *objects.Client }

// Find implements stream.Queries.
func (q queries) Find(ctx context.Context, namespace, name string) (string, bool, error) {
	query := &v1alpha1.Query{}
	err := q.system.Get(ctx, "queries", namespace, name, query)
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return string(query.UID), ask.Ended(query), nil
}

// MayRead implements stream.Queries.
func (queries) MayRead(http.ResponseWriter, *http.Request, string, string) bool { return true }

// MayWrite implements stream.Queries.
func (queries) MayWrite(http.ResponseWriter, *http.Request, string, string) bool { return true }

const (
	// sweepEvery is how often streams of Queries that are gone or have ended are looked for, and sweepMost how many at a time.
	sweepEvery = 15 * time.Second
	sweepMost  = 1000
	// forgetEvery is how often old requests are deleted.
	forgetEvery = 6 * time.Hour
)

// sweep removes what nobody needs any more until the context ends.
func (t *talk) sweep(ctx context.Context) {
	streams, requests := time.NewTicker(sweepEvery), time.NewTicker(forgetEvery)
	defer streams.Stop()
	defer requests.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-streams.C:
			t.sweepStreams(ctx)
		case <-requests.C:
			if t.requests == nil {
				continue
			}
			if err := errors.Join(t.requests.Sweep(ctx), t.answers.Sweep(ctx), t.limits.Sweep(ctx), t.events.Sweep(ctx)); err != nil && ctx.Err() == nil {
				slog.Warn("old requests of chats cannot be deleted; trying again later", "err", err)
			}
		}
	}
}

func (t *talk) sweepStreams(ctx context.Context) {
	idle := t.broker.Sweep(sweepEvery)
	for _, s := range idle[:min(len(idle), sweepMost)] {
		uid, ended, err := (queries{t.system}).Find(ctx, s.Namespace, s.Query)
		switch {
		case err != nil: // next time
		case s.UID != "" && uid != s.UID:
			t.broker.Remove(s.Key)
		case ended && !s.Ended && !s.Writing:
			t.broker.End(s.Key)
		}
	}
}

// chatting is an API server with what answers chats.
type chatting struct {
	api
	talk      *talk
	listeners map[net.Listener]http.Handler
}

// withChat adds listeners to an API server, and closes them if it cannot.
func withChat(to api, t *talk, s *Server) (_ api, err error) {
	c := &chatting{api: to, talk: t, listeners: map[net.Listener]http.Handler{}}
	defer func() {
		if err != nil {
			to.generic().Destroy()
			err = errors.Join(err, c.close())
		}
	}()
	if t.options.Listen != "" {
		if s.ChatAddress, err = c.listen(t.options.Listen, t.plain()); err != nil {
			return nil, about(SettingChatAddress, err)
		}
	}
	if t.options.BrokerListen != "" {
		if s.BrokerAddress, err = c.listen(t.options.BrokerListen, t.open()); err != nil {
			return nil, about(SettingBrokerAddress, err)
		}
		if t.outside != nil && t.outside.broker == "" {
			t.outside.broker = "http://" + reachable(s.BrokerAddress)
		}
	}
	return c, nil
}

func (c *chatting) listen(address string, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	c.listeners[listener] = handler
	return listener.Addr().String(), nil
}

func (c *chatting) close() error {
	var errs []error
	for listener := range c.listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// plain serves OpenAI's API, MCP and the A2A protocol without TLS, through all filters of the server.
func (t *talk) plain() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !chat.Owns(r.URL.Path) && !chat.OwnsMCP(r.URL.Path) && !a2a.Owns(r.URL.Path) {
			http.Error(w, "only /v1, /mcp and /a2a are served here: use the HTTPS port for the rest", http.StatusNotFound)
			return
		}
		t.whole.ServeHTTP(w, r)
	})
}

// open serves the broker to whoever reaches it, as Ark's engines use it.
func (t *talk) open() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" || r.URL.Path == "/readyz" {
			stream.Answer(w, http.StatusOK, map[string]string{"status": "ok"})
			return
		}
		at, ok := stream.PlaceOf(r.URL.Path)
		if !ok {
			if at, ok = stream.PlaceOfHost(r.Host, r.URL.Path); !ok {
				stream.Refuse(w, http.StatusBadRequest, "NO_NAMESPACE", "the namespace is not known: use the path /namespaces/NAMESPACE/..., or the name SERVICE.NAMESPACE of a Service as the host")
				return
			}
		}
		t.serveBroker(w, r, at, queries{t.system})
	})
}

const (
	// headerTime is how long a client without TLS may take for the header of a request, and idleTime how long it may keep a
	// connection without one. stopTime is how long requests may take to end when the server stops.
	headerTime = 20 * time.Second
	idleTime   = 2 * time.Minute
	stopTime   = 5 * time.Second
)

// Run serves until the context ends.
func (c *chatting) Run(ctx context.Context) error {
	unregister := context.AfterFunc(ctx, func() {
		c.talk.chat.Close()
		c.talk.agents.Close()
		c.talk.broker.Close()
	})
	defer unregister()
	var running errgroup.Group
	background, stop := context.WithCancel(ctx)
	running.Go(func() error { c.talk.sweep(background); return nil })
	for listener, handler := range c.listeners {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
		running.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		running.Go(func() error {
			<-background.Done()
			ending, done := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer done()
			if server.Shutdown(ending) != nil {
				return server.Close()
			}
			return nil
		})
	}
	err := c.api.Run(ctx)
	stop()
	return errors.Join(err, running.Wait())
}

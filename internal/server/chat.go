package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/a2a"
	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/chat"
	"github.com/mckinsey/ark-server/internal/conversation"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/heap"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/keylimit"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/stream"
	"github.com/mckinsey/ark-server/internal/token"
	"github.com/mckinsey/ark-server/internal/tracing"
)

// ChatOptions configure where OpenAI's API and the broker are served in addition to the HTTPS port.
type ChatOptions struct {
	// Listen is the address of OpenAI's API without TLS, and BrokerListen that of the broker without
	// authentication; "" for none.
	Listen, BrokerListen string
	// BrokerURL is the URL at which engines reach BrokerListen; "" for its own address.
	BrokerURL string
	// Origins are the origins of web pages that may use OpenAI's API.
	Origins []string
	// Off disables OpenAI's API and the subresources proxy and log. It does not disable the broker.
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

// talk serves clients of OpenAI's API and of the broker.
type talk struct {
	chat     *chat.Server
	agents   *a2a.Server
	broker   *stream.Broker
	system   *objects.Client
	requests *conversation.Requests  // nil without side tables
	memory   *conversation.Store     // nil without side tables
	answers  *conversation.Responses // nil without side tables
	events   *conversation.Events    // nil without side tables
	limits   *keylimit.Ledger        // nil without side tables
	outside  *outside                // nil if the engine is in this process, or the broker has no port
	// pointer configures engines to use the broker; nil in a cluster, where the chart does that, and
	// if there is no broker for them.
	pointer *pointer
	// engine is the engine in this process, once it runs.
	engine atomic.Pointer[engine.Engine]
	// whole is the server's handler with all filters.
	whole   http.Handler
	options ChatOptions
}

// base is an API server to which chat is added, in either mode.
type base struct {
	generic   *genericapiserver.GenericAPIServer
	inProcess *inprocess.Transport
	access    *access.Resolver
	// alone is true if the server runs without a cluster.
	alone bool
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
		MaxBody: requestLimit(o.Storage.MaxObjectBytes), Full: func() bool { return heap.CurrentPressure() == heap.Full },
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
			options.Requests, options.Offer = keptRequests{t.requests}, t.offer
		case o.Chat.BrokerListen != "":
			t.outside = &outside{store: t.memory, system: t.system, broker: o.Chat.BrokerURL}
			options.Conversations = t.outside
		}
	}
	if to.alone && t.outside != nil {
		if t.pointer, err = newPointer(to, o.Chat.BrokerURL); err != nil {
			return nil, err
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

// offer passes a new Query to the engine.
func (t *talk) offer(ctx context.Context, q *v1alpha1.Query) {
	if e := t.engine.Load(); e != nil {
		e.Offer(ctx, q)
	}
}

// requestLimit returns the API server's limit of request bodies: see assembly.
func requestLimit(object int) int64 { return max(2*int64(object), 3<<20) }

package a2a

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/keylimit"
	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// Prefix begins the paths that are served here: /a2a/namespaces/NAMESPACE/agents/NAME.
const Prefix = "/a2a/"

// Owns reports whether a path is served here.
func Owns(path string) bool { return strings.HasPrefix(path, Prefix) }

// LongRunning reports whether a request may take as long as a Query.
func LongRunning(r *http.Request) bool { return r.Method == http.MethodPost && Owns(r.URL.Path) }

// Options are what a server works with.
type Options struct {
	// Transport makes clients that are the caller. System reads, follows and cancels Queries for those
	// who have made them.
	Transport *inprocess.Transport
	System    *objects.Client
	Broker    *stream.Broker
	// Limits counts what keys with limits use; nil where that cannot be kept: then such keys open
	// nothing.
	Limits *keylimit.Ledger
	// MaxBody is the most bytes of a request.
	MaxBody int64
}

// Server is the handler of the protocol. It is safe for concurrent use.
type Server struct {
	options Options
	codecs  serializer.CodecFactory
	closing chan struct{}
	// charging are those who wait for the tokens of Queries. mu orders their beginning and Close.
	mu       sync.Mutex
	charging sync.WaitGroup
}

// New returns a server.
func New(o Options) (*Server, error) {
	scheme, err := install.NewScheme()
	if err != nil {
		return nil, err
	}
	return &Server{options: o, codecs: serializer.NewCodecFactory(scheme), closing: make(chan struct{})}, nil
}

// Close says that the process stops: clients that wait for a task are told how it is now. It is
// called once.
func (s *Server) Close() {
	s.mu.Lock()
	close(s.closing)
	s.mu.Unlock()
	s.charging.Wait()
}

// place is what a path names.
type place struct{ namespace, agent, rest string }

// placeOf splits a path; ok is false for one that names no agent.
func placeOf(path string) (p place, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(path, Prefix), "/", 5)
	if len(parts) < 4 || parts[0] != "namespaces" || parts[2] != "agents" || parts[1] == "" || parts[3] == "" {
		return p, false
	}
	p = place{namespace: parts[1], agent: parts[3]}
	if len(parts) == 5 {
		p.rest = strings.TrimSuffix(parts[4], "/")
	}
	return p, !strings.ContainsAny(p.namespace+p.agent, "?#%")
}

// cardPaths are where an agent's card is: the second one is that of older clients.
var cardPaths = map[string]bool{".well-known/agent-card.json": true, ".well-known/agent.json": true}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := placeOf(r.URL.Path)
	if !ok || at.rest != "" && !cardPaths[at.rest] {
		http.Error(w, "there is no such path: use "+Prefix+"namespaces/NAMESPACE/agents/NAME, and .well-known/agent-card.json below it", http.StatusNotFound)
		return
	}
	allowed := http.MethodPost
	if at.rest != "" {
		allowed = http.MethodGet
	}
	if r.Method != allowed {
		w.Header().Set("Allow", allowed)
		http.Error(w, r.Method+" is not for this path: use "+allowed, http.StatusMethodNotAllowed)
		return
	}
	who, err := s.caller(r, at)
	if err != nil {
		refuse(w, err)
		return
	}
	agent := &v1alpha1.Agent{}
	if err := who.api.Get().Namespace(at.namespace).Resource("agents").Name(at.agent).Do(r.Context()).Into(agent); err != nil {
		refuse(w, err)
		return
	}
	if at.rest != "" {
		writeCard(w, r, agent)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, s.options.MaxBody+1))
	switch {
	case int64(len(body)) > s.options.MaxBody:
		http.Error(w, "the request is too large: --max-object-size says how large it may be", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body has not come to its end", http.StatusBadRequest)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	s.handler(r, body, &methods{server: s, who: who, agent: agent}).ServeHTTP(w, r)
}

// handler speaks the version of the protocol that a request is in. The methods of 0.3 have a slash
// in their names, and those of 1.0 have none; a client of a version to come says so.
func (s *Server) handler(r *http.Request, body []byte, m *methods) http.Handler {
	alive := a2asrv.WithTransportKeepAlive(sse.KeepAlive)
	var call struct {
		Method string `json:"method"`
	}
	if json.Unmarshal(body, &call) == nil && strings.Contains(call.Method, "/") {
		return a2av0.NewJSONRPCHandler(m, alive)
	}
	if version := r.Header.Get(protocol.SvcParamVersion); version != "" && version != string(protocol.Version) && version != string(a2av0.Version) {
		m.unknown = version
	}
	return a2asrv.NewJSONRPCHandler(m, alive)
}

package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

const (
	// tries is the number of connection attempts; the pauses between them double from firstPause.
	tries      = 5
	firstPause = 2 * time.Second
	// maxAnswer is the most bytes of one answer. The caller bounds a tool's result further, by the
	// size of its text.
	maxAnswer = 16 << 20
	// maxStream is the most bytes of an event stream. An SSE session has one such stream.
	maxStream = 256 << 20
	// maxTools is the most tools of a server.
	maxTools = 1000
	// endTimeout bounds how long a server may take to end a session.
	endTimeout = 2 * time.Second
)

// Server is the address of a server and how to reach it.
type Server struct {
	URL string
	// SSE selects the older transport, with one event stream; otherwise it is streamable HTTP.
	SSE     bool
	Headers map[string]string
	// Secrets lists strings that no error may contain, because a server may echo the request.
	Secrets []string
	// Client makes the requests.
	Client *http.Client
	// Timeout bounds connecting, including all attempts.
	Timeout time.Duration
	// Pause overrides firstPause; for tests.
	Pause time.Duration
}

// Tool is a tool as a server describes it.
type Tool struct {
	Name, Title, Description string
	Schema                   json.RawMessage // of its arguments
	// Hints is nil if the server gives none.
	Hints *sdk.ToolAnnotations
}

// Session is a session with a server. It is safe for concurrent use, and must be closed.
type Session struct {
	session *sdk.ClientSession
	home    *outbound.Home
	end     context.CancelFunc
}

// Connect begins a session, which ends with its context. If the server cannot be reached, Connect
// retries within the timeout.
func Connect(ctx context.Context, s Server) (*Session, error) {
	home, err := url.Parse(s.URL)
	if err != nil || home.Host == "" {
		return nil, errors.New("connect to the MCP server: its address is no URL")
	}
	late := fmt.Errorf("connect to the MCP server: no session within %s", s.Timeout)
	trying, stop := context.WithTimeoutCause(ctx, s.Timeout, late)
	defer stop()
	pause := s.Pause
	if pause == 0 {
		pause = firstPause
	}
	for try := 1; ; try++ {
		session, err := connect(ctx, trying, s, home)
		if err == nil {
			return session, nil
		}
		if cause := context.Cause(trying); cause != nil {
			return nil, cause
		}
		err = fmt.Errorf("connect to the MCP server: %w", err)
		if try == tries || !passing(err) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-trying.Done():
			return nil, err
		}
		pause *= 2
	}
}

// passing reports whether a server may become reachable: it has not answered, and the policy
// permits its address.
func passing(err error) bool {
	var status *outbound.StatusError
	var refused *outbound.RefusedError
	var large *outbound.TooLargeError
	var network interface{ Timeout() bool } // net.Error, which DNS errors are, too
	return !errors.As(err, &status) && !errors.As(err, &refused) && !errors.As(err, &large) && errors.As(err, &network)
}

// connect makes one attempt. The session lives as long as ctx; the attempt is bounded by trying.
func connect(ctx, trying context.Context, s Server, home *url.URL) (*Session, error) {
	living, end := context.WithCancel(ctx)
	stopped := context.AfterFunc(trying, end)
	to := &outbound.Home{URL: home, Headers: s.Headers, Secrets: s.Secrets, MaxAnswer: maxAnswer, MaxStream: maxStream}
	client := to.Client(s.Client)
	var over sdk.Transport = &sdk.StreamableClientTransport{
		Endpoint: s.URL, HTTPClient: client, MaxRetries: -1, DisableStandaloneSSE: true, MaxEventSize: maxAnswer,
	}
	if s.SSE {
		over = &sdk.SSEClientTransport{Endpoint: s.URL, HTTPClient: client, MaxEventSize: maxAnswer}
	}
	made := sdk.NewClient(&sdk.Implementation{Name: "ark-server", Version: "1"}, &sdk.ClientOptions{Capabilities: &sdk.ClientCapabilities{}})
	session, err := made.Connect(living, over, nil)
	if err != nil || !stopped() {
		end()
		if session != nil {
			_ = session.Close() // its context has ended
		}
		return nil, to.Cause(err)
	}
	return &Session{session: session, home: to, end: end}, nil
}

// Tools lists the server's tools.
func (s *Session) Tools(ctx context.Context) ([]Tool, error) {
	s.home.Begin()
	var out []Tool
	for t, err := range s.session.Tools(ctx, nil) {
		if err != nil {
			return nil, fmt.Errorf("list the tools: %w", s.failure(ctx, err))
		}
		if len(out) == maxTools {
			return nil, fmt.Errorf("list the tools: the server has more than %d", maxTools)
		}
		schema, err := json.Marshal(t.InputSchema)
		if err != nil {
			return nil, fmt.Errorf("encode the schema of the tool %s: %w", t.Name, err)
		}
		out = append(out, Tool{Name: t.Name, Title: t.Title, Description: t.Description, Schema: schema, Hints: t.Annotations})
	}
	return out, nil
}

// Call calls a tool. Arguments are a JSON object.
func (s *Session) Call(ctx context.Context, tool string, arguments json.RawMessage) (Result, error) {
	s.home.Begin()
	answer, err := s.session.CallTool(ctx, &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return Result{}, s.failure(ctx, err)
	}
	return resultOf(answer)
}

func (s *Session) failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return s.home.Cause(err)
}

// Close ends the session.
func (s *Session) Close() {
	timer := time.AfterFunc(endTimeout, s.end)
	defer timer.Stop()
	_ = s.session.Close() // the session has no more requests
	s.end()
}

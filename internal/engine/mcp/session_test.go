package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func echo() http.Handler {
	server := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	server.AddTool(&sdk.Tool{Name: "echo", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: string(r.Params.Arguments)}}}, nil
	})
	return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil)
}

func here() *http.Client { return outbound.NewClient(outbound.Policy{Loopback: true}) }

// A server that cannot be reached is retried; one that answers, or that the policy forbids, is not.
func TestConnectTriesAgain(t *testing.T) {
	// The port is free until the server starts.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	client := here()
	client.Transport = counting{client.Transport, func(n int64) {
		if n != 2 {
			return
		}
		again, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		server := &httptest.Server{Listener: again, Config: &http.Server{Handler: echo()}}
		server.Start()
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
	}, &requests}
	session, err := Connect(t.Context(), Server{URL: "http://" + address, Client: client, Timeout: time.Minute, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	result, err := session.Call(t.Context(), "echo", json.RawMessage(`{"a":1}`))
	if err != nil || result.Text != `{"a":1}` {
		t.Errorf("got %+v, %v", result, err)
	}

	for name, c := range map[string]struct {
		client *http.Client
		url    string
	}{
		"unauthorized": {here(), serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))},
		"refused":      {outbound.NewClient(outbound.Policy{}), serve(t, echo())},
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			_, err := Connect(t.Context(), Server{URL: c.url, Client: c.client, Timeout: time.Minute, Pause: time.Hour})
			if err == nil {
				t.Fatal("connected")
			}
			t.Log(err, time.Since(started))
		})
	}
}

// counting calls a function with the number of each failed request.
type counting struct {
	next   http.RoundTripper
	failed func(int64)
	n      *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	if err != nil {
		c.failed(c.n.Add(1))
	}
	return answer, err
}

// Headers go to the server only, not to the target of a redirect.
func TestHeadersStayAtHome(t *testing.T) {
	leaked := make(chan string, 10)
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked <- r.Header.Get("Authorization") + r.Header.Get("X-Key")
		http.Error(w, "no", http.StatusBadRequest)
	}))
	home := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != "secret" {
			t.Errorf("the server was sent %v", r.Header)
		}
		http.Redirect(w, r, other, http.StatusTemporaryRedirect)
	}))
	_, err := Connect(t.Context(), Server{URL: home, Client: here(), Timeout: time.Minute, Headers: map[string]string{"Authorization": "Bearer t", "X-Key": "secret"}})
	if err == nil {
		t.Fatal("connected")
	}
	if got := <-leaked; got != "" {
		t.Errorf("another host was sent %q", got)
	}
}

// A server's error message may contain parts of the request.
func TestErrorsHoldNoSecrets(t *testing.T) {
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer error="+r.Header.Get("X-Key"))
		w.WriteHeader(http.StatusForbidden)
	}))
	_, err := Connect(t.Context(), Server{URL: url, Client: here(), Timeout: time.Minute, Headers: map[string]string{"X-Key": "hush-hush"}, Secrets: []string{"hush-hush"}})
	if err == nil || strings.Contains(err.Error(), "hush-hush") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
}

// A server that does not answer delays the caller no longer than the timeout, in either transport.
func TestConnectTimeout(t *testing.T) {
	over := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer close(over)
	for _, sse := range []bool{false, true} {
		_, err := Connect(t.Context(), Server{URL: url, SSE: sse, Client: here(), Timeout: 50 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "within 50ms") {
			t.Errorf("sse %t: got %v", sse, err)
		}
	}
}

// A session ends with its context, and calls end with theirs.
func TestCallEnds(t *testing.T) {
	server := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	over := make(chan struct{})
	server.AddTool(&sdk.Tool{Name: "hang", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		<-over
		return &sdk.CallToolResult{}, nil
	})
	url := serve(t, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil))
	session, err := Connect(t.Context(), Server{URL: url, Client: here(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	defer close(over)
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, late)
	defer cancel()
	if _, err := session.Call(ctx, "hang", json.RawMessage(`{}`)); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
}

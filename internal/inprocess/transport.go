package inprocess

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// ErrStopping is what calls get that begin after the server has begun to stop. It counts as a
// cancellation, because the callers end with the server, too.
var ErrStopping = fmt.Errorf("the server is stopping: %w", context.Canceled)

// Transport carries requests from clients in this process to a handler. Clients can be made at
// once; their calls wait until Serve has been called. It is safe for concurrent use.
type Transport struct {
	userAgent string
	serving   chan struct{} // closed when handler is set
	stopping  chan struct{}
	handler   http.Handler

	mu      sync.Mutex
	refuses bool                   // stopping is closed
	running map[*exchange]struct{} // calls whose handler has not returned
	ended   sync.WaitGroup
}

// New returns a transport that waits for its handler. userAgent is for requests that name none.
func New(userAgent string) *Transport {
	return &Transport{
		userAgent: userAgent,
		serving:   make(chan struct{}),
		stopping:  make(chan struct{}),
		running:   map[*exchange]struct{}{},
	}
}

// Serve lets the calls that wait, and all others, go to a handler. It must be called at most once.
func (t *Transport) Serve(handler http.Handler) {
	t.handler = handler
	close(t.serving)
}

// Refuse ends calls that wait and new ones with ErrStopping. Those that the handler serves go on:
// the server drains them as it does those of others.
func (t *Transport) Refuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.refuses {
		t.refuses = true
		close(t.stopping)
	}
}

// Refuses reports whether Refuse or Close has been called.
func (t *Transport) Refuses() bool {
	select {
	case <-t.stopping:
		return true
	default:
		return false
	}
}

// Close ends all calls, and returns when their handlers have returned. It must not be called by a
// handler. It may be called more than once.
func (t *Transport) Close() {
	t.Refuse()
	t.mu.Lock()
	running := slices.Collect(maps.Keys(t.running))
	t.mu.Unlock()
	for _, x := range running {
		x.abort(ErrStopping)
	}
	t.ended.Wait()
}

// await returns when there is a handler to call.
func (t *Transport) await(ctx context.Context) error {
	if t.Refuses() {
		return ErrStopping
	}
	select {
	case <-t.serving:
		return nil
	default:
	}
	select {
	case <-t.serving:
		return nil
	case <-t.stopping:
		return ErrStopping
	case <-ctx.Done():
		return fmt.Errorf("wait until the server serves: %w", context.Cause(ctx))
	}
}

// begin notes a call, unless the server stops.
func (t *Transport) begin(x *exchange) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refuses {
		return false
	}
	t.running[x] = struct{}{}
	t.ended.Add(1)
	return true
}

func (t *Transport) end(x *exchange) {
	t.mu.Lock()
	delete(t.running, x)
	t.mu.Unlock()
	t.ended.Done()
}

var errNoURL = errors.New("the request has no URL")

// roundTrip implements http.RoundTripper for one identity.
func (t *Transport) roundTrip(as *identity, r *http.Request) (*http.Response, error) {
	if r.URL == nil {
		closeBody(r)
		return nil, errNoURL
	}
	if err := t.await(r.Context()); err != nil {
		closeBody(r)
		return nil, err
	}
	if r.Context().Err() != nil {
		closeBody(r)
		return nil, context.Cause(r.Context())
	}
	ctx, cancel := context.WithCancelCause(as.context())
	x := newExchange(r, cancel)
	incoming := t.incoming(ctx, r, x)
	if !t.begin(x) {
		cancel(ErrStopping)
		closeBody(r)
		return nil, ErrStopping
	}
	x.detach = context.AfterFunc(r.Context(), func() { x.abort(context.Cause(r.Context())) })
	go func() {
		defer t.end(x)
		x.serve(t.handler, incoming)
	}()
	return x.response(r)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // nothing of it is used
	}
}

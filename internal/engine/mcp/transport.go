package mcp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

const (
	// maxAnswer is the most bytes of one answer. A tool's result is bounded by its caller, and is smaller as text.
	maxAnswer = 16 << 20
	// maxStream is the most bytes of an event stream, which an SSE session has one of.
	maxStream = 256 << 20
)

// StatusError says that a server has refused a request.
type StatusError struct {
	Code int
	// Challenge is the header WWW-Authenticate.
	Challenge string
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server answers with HTTP %d %s", e.Code, http.StatusText(e.Code))
	if e.Challenge != "" {
		text += " (" + e.Challenge + ")"
	}
	return text
}

// transport makes the requests of one session. It remembers why the last one failed: the SDK keeps only a text.
type transport struct {
	next    http.RoundTripper
	home    *url.URL
	headers map[string]string

	mu    sync.Mutex
	fault error
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == t.home.Scheme && r.URL.Host == t.home.Host {
		r = r.Clone(r.Context())
		for name, value := range t.headers {
			r.Header.Set(name, value)
		}
	}
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		t.note(err)
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest && r.Method != http.MethodDelete && !optional(r, answer) {
		t.note(&StatusError{answer.StatusCode, answer.Header.Get("WWW-Authenticate")})
	}
	limit := int64(maxAnswer)
	if r.Method == http.MethodGet {
		limit = maxStream
	}
	answer.Body = &bounded{of: answer.Body, left: limit, limit: limit, note: t.note}
	return answer, nil
}

// optional reports whether an answer refuses what a server need not have: a stream of its own.
func optional(r *http.Request, answer *http.Response) bool {
	return r.Method == http.MethodGet && answer.StatusCode == http.StatusMethodNotAllowed
}

func (t *transport) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = err
}

// begin forgets the faults of earlier requests.
func (t *transport) begin() { t.note(nil) }

// cause returns why a request failed, in place of what the SDK says of it.
func (t *transport) cause(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fault != nil {
		return t.fault
	}
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// bounded is a body that fails where it is too long.
type bounded struct {
	of          io.ReadCloser
	left, limit int64
	note        func(error)
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, &outbound.TooLargeError{Limit: b.limit}
	}
	n, err := b.of.Read(p)
	if b.left -= int64(n); b.left < 0 {
		large := &outbound.TooLargeError{Limit: b.limit}
		b.note(large)
		return 0, large
	}
	return n, err
}

// Close implements io.Closer.
func (b *bounded) Close() error { return b.of.Close() }

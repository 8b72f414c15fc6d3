package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Home is one server, for which another library makes requests: headers and bounds, and why a
// request failed, of which such a library keeps only a text. It is safe for concurrent use.
type Home struct {
	// URL is the server's. Headers go to its host only, whatever redirects and endpoints it names.
	URL     *url.URL
	Headers map[string]string
	// Secrets are texts that no error may hold: a server may answer with what it was sent.
	Secrets []string
	// MaxAnswer and MaxStream are the most bytes of an answer, and of an event stream.
	MaxAnswer, MaxStream int64

	next  http.RoundTripper
	mu    sync.Mutex
	fault error
}

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

// Client returns a client that makes the requests as another would.
func (h *Home) Client(of *http.Client) *http.Client {
	h.next = of.Transport
	if h.next == nil {
		h.next = http.DefaultTransport
	}
	return &http.Client{Transport: h, CheckRedirect: of.CheckRedirect}
}

// RoundTrip implements http.RoundTripper.
func (h *Home) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == h.URL.Scheme && r.URL.Host == h.URL.Host {
		r = r.Clone(r.Context())
		for name, value := range h.Headers {
			r.Header.Set(name, value)
		}
	}
	answer, err := h.next.RoundTrip(r)
	if err != nil {
		h.note(err)
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest && r.Method != http.MethodDelete && !mayLack(r, answer) {
		h.note(&StatusError{answer.StatusCode, answer.Header.Get("WWW-Authenticate")})
	}
	limit := h.MaxAnswer
	if r.Method == http.MethodGet || strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		limit = h.MaxStream
	}
	answer.Body = &bounded{of: answer.Body, left: limit, limit: limit, note: h.note}
	return answer, nil
}

// mayLack reports whether an answer refuses what a server need not have: a stream of its own.
func mayLack(r *http.Request, answer *http.Response) bool {
	return r.Method == http.MethodGet && answer.StatusCode == http.StatusMethodNotAllowed
}

func (h *Home) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = err
}

// Begin forgets why earlier requests failed.
func (h *Home) Begin() { h.note(nil) }

// Cause returns why a request failed, in place of what a library says of it, without URLs and
// secrets.
func (h *Home) Cause(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var of *url.Error
	switch {
	case h.fault != nil:
		err = h.fault
	case errors.As(err, &of):
		err = of.Err
	}
	return h.hide(err)
}

// minSecret is the shortest text that is taken for a secret: shorter ones are in every sentence.
const minSecret = 4

// hide returns an error with the secrets taken out, or the error itself if there are none in it.
func (h *Home) hide(err error) error {
	text := err.Error()
	for _, secret := range h.Secrets {
		if len(secret) >= minSecret {
			text = strings.ReplaceAll(text, secret, "[hidden]")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
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
		return 0, &TooLargeError{b.limit}
	}
	n, err := b.of.Read(p)
	if b.left -= int64(n); b.left < 0 {
		large := &TooLargeError{b.limit}
		b.note(large)
		return 0, large
	}
	return n, err
}

// Close implements io.Closer.
func (b *bounded) Close() error { return b.of.Close() }

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

// Home is one server to which another library makes requests. It adds headers, enforces size
// limits, and records why a request failed, because such a library keeps only the error text. It is
// safe for concurrent use.
type Home struct {
	// URL is the server's. Headers go to its host only, whatever redirects and endpoints the server
	// names.
	URL     *url.URL
	Headers map[string]string
	// Secrets lists strings that no error may contain, because a server may echo the request.
	Secrets []string
	// MaxAnswer and MaxStream are the most bytes of an answer, and of an event stream.
	MaxAnswer, MaxStream int64

	next  http.RoundTripper
	mu    sync.Mutex
	fault error
}

// StatusError reports that a server has refused a request.
type StatusError struct {
	Code int
	// Challenge is the value of the WWW-Authenticate header.
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

// Client returns a client that makes the requests through another client.
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

// mayLack reports whether an answer refuses an optional feature: the server's own stream.
func mayLack(r *http.Request, answer *http.Response) bool {
	return r.Method == http.MethodGet && answer.StatusCode == http.StatusMethodNotAllowed
}

func (h *Home) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = err
}

// Begin discards the errors of earlier requests.
func (h *Home) Begin() { h.note(nil) }

// Cause returns why a request failed, in place of the library's error, without URLs and secrets.
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

// minSecret is the length of the shortest string that is treated as a secret: shorter ones occur in
// any text.
const minSecret = 4

// hide returns an error with the secrets removed, or the error itself if it contains none.
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

// bounded is a body that returns an error if it is too long.
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

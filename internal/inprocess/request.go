package inprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// sender is the address that requests come from: this machine, and no port.
const sender = "127.0.0.1:0"

// incoming returns a request as a server hands it to its handler. The caller's request stays as it
// is.
func (t *Transport) incoming(ctx context.Context, r *http.Request, x *exchange) *http.Request {
	in := &http.Request{
		Method:        r.Method,
		URL:           &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery},
		Proto:         "HTTP/2.0",
		ProtoMajor:    2,
		Header:        r.Header.Clone(),
		Host:          r.Host,
		RemoteAddr:    sender,
		RequestURI:    r.URL.RequestURI(),
		ContentLength: r.ContentLength,
		Trailer:       r.Trailer,
		Body:          http.NoBody,
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.URL.Path == "" {
		in.URL.Path, in.URL.RawPath = "/", ""
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if isUpgrade(in.Header) {
		in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	}
	if _, named := in.Header["User-Agent"]; !named {
		in.Header["User-Agent"] = []string{t.userAgent}
	}
	// The identity is the transport's. Credentials in the header would be asked first, and win.
	delete(in.Header, "Authorization")
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		in.ContentLength = 0
	default:
		if in.ContentLength == 0 {
			in.ContentLength = -1
		}
		x.body = &requestBody{from: r.Body, declared: in.ContentLength}
		in.Body = x.body
	}
	return in.WithContext(ctx)
}

// isUpgrade reports whether a request asks for another protocol, such as websocket.
func isUpgrade(h http.Header) bool {
	if h.Get("Upgrade") == "" {
		return false
	}
	for _, tokens := range h["Connection"] {
		for token := range strings.SplitSeq(tokens, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}

// requestBody is the caller's body as a handler reads it. It is closed once, when the handler
// returns or the call ends, which may be during a Read: a body that waits, such as a pipe's, is
// woken by that.
type requestBody struct {
	from     io.ReadCloser
	declared int64 // -1 if it is not
	read     int64
	once     sync.Once
	closed   atomic.Bool
}

var errLongBody = errors.New("the request's body is longer than its ContentLength")

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.from.Read(p)
	b.read += int64(n)
	switch {
	case b.declared < 0:
	case b.read > b.declared:
		over := int(b.read - b.declared)
		return n - min(over, n), errLongBody
	case errors.Is(err, io.EOF) && b.read < b.declared:
		return n, fmt.Errorf("the request's body is shorter than its ContentLength: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// Close implements io.Closer.
func (b *requestBody) Close() error {
	var err error
	b.once.Do(func() {
		b.closed.Store(true)
		err = b.from.Close()
	})
	return err
}

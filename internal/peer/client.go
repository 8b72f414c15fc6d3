package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// line leads to one member.
type line struct {
	member    Member
	transport *http.Transport
	// gone ends with the member.
	gone context.Context //nolint:containedctx // it is what ends, no parameter
	end  context.CancelCauseFunc
}

func (g *Group) newLine(m Member) *line {
	l := &line{member: m}
	l.gone, l.end = context.WithCancelCause(context.Background())
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	dialer := net.Dialer{Timeout: connectTime, KeepAliveConfig: net.KeepAliveConfig{Enable: false}} // pings find out more
	l.transport = &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: connectTime,
		TLSClientConfig: clientConfig(g.certificate, m.Key), Protocols: protocols, HTTP2: http2Config(),
		DisableCompression: true,
	}
	return l
}

// close ends what is under way with an error.
func (l *line) close() {
	l.end(ErrGone)
	l.transport.CloseIdleConnections()
}

// Call has a member handle a request, and returns its answer. Whether the member has handled it is
// not known where the error is none of this package's. Errors are *Error, or the context's own.
func (g *Group) Call(ctx context.Context, to Member, method string, request []byte) (_ []byte, err error) {
	defer func() { g.count(kindCall, err) }()
	answer, end, err := g.send(ctx, to, callPath+url.PathEscape(method), request)
	if err != nil {
		return nil, err
	}
	defer end()
	body, err := io.ReadAll(io.LimitReader(answer, MaxMessage+1))
	switch {
	case err != nil:
		return nil, g.failed(ctx, to, err)
	case len(body) > MaxMessage:
		return nil, &Error{to, ErrTooLarge}
	}
	return body, nil
}

// Stream is an answer in chunks. It belongs to one goroutine; Close may be called from any.
type Stream struct {
	frames
	group *Group
	ctx   context.Context //nolint:containedctx // that of the request, whose answer this is
	to    Member
	end   func()
}

// Open has a member send a stream. The context bounds all of it.
func (g *Group) Open(ctx context.Context, to Member, method string, request []byte) (*Stream, error) {
	answer, end, err := g.send(ctx, to, streamPath+url.PathEscape(method), request)
	if err != nil {
		g.count(kindStream, err)
		return nil, err
	}
	return &Stream{frames: frames{r: answer}, group: g, ctx: ctx, to: to, end: end}, nil
}

// Recv waits for the next chunk. After the last one it returns io.EOF; any other error says that
// the stream is not complete, and is *Error or the context's own.
func (s *Stream) Recv() ([]byte, error) {
	again := s.ended != nil
	chunk, err := s.next()
	if err == nil {
		return chunk, nil
	}
	complete := errors.Is(err, io.EOF)
	if !complete {
		err = s.group.failed(s.ctx, s.to, err)
	}
	if !again {
		if complete {
			s.group.count(kindStream, nil)
		} else {
			s.group.count(kindStream, err)
		}
	}
	return nil, err
}

// Close ends the stream; the member's handler is told.
func (s *Stream) Close() { s.end() }

// send sends a request. end releases what it takes.
func (g *Group) send(ctx context.Context, to Member, path string, request []byte) (answer io.Reader, end func(), err error) {
	if len(request) > MaxMessage {
		return nil, nil, &Error{to, ErrTooLarge}
	}
	self, ok := g.Self()
	if !ok {
		return nil, nil, &Error{to, ErrClosed}
	}
	l, ok := g.lineTo(to)
	if !ok {
		return nil, nil, &Error{to, ErrGone}
	}
	under, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.gone, func() { cancel(ErrGone) })
	leave := context.AfterFunc(g.taking(), func() { cancel(ErrClosed) })
	release := func() { stop(); leave(); cancel(nil) }
	defer func() {
		if err != nil {
			release()
		}
	}()
	r, err := http.NewRequestWithContext(under, http.MethodPost, "https://"+to.Address+path, bytes.NewReader(request))
	if err != nil {
		return nil, nil, &Error{to, err}
	}
	r.GetBody = nil // nobody but the caller decides to send it again
	r.Header.Set(headerTo, to.ID)
	r.Header.Set(headerFrom, self.ID)
	response, err := l.transport.RoundTrip(r)
	if err != nil {
		return nil, nil, g.failed(under, to, err)
	}
	if response.StatusCode != http.StatusOK {
		err := statusError(response)
		return nil, nil, errors.Join(&Error{to, err}, response.Body.Close())
	}
	end = func() {
		_ = response.Body.Close() // it was read, or is not wanted
		release()
	}
	return contextReader{under, response.Body}, end, nil
}

// contextReader returns the cause of its context's end, as net/http does not.
type contextReader struct {
	ctx context.Context //nolint:containedctx // that of the request, whose body this is
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(c.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// failed is the error of a call that ended with err.
func (g *Group) failed(ctx context.Context, to Member, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrGone), errors.Is(cause, ErrClosed):
		err = cause
	case cause != nil:
		return cause
	}
	return &Error{to, err}
}

// statusError is the error of an answer that is none.
func statusError(r *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	message := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return broken(err)
	case r.StatusCode == statusGone:
		return ErrGone
	case r.StatusCode == statusUnknown:
		return ErrUnknownMethod
	case r.StatusCode == statusFailed:
		return &RemoteError{message}
	}
	return fmt.Errorf("%s: %s", r.Status, message)
}

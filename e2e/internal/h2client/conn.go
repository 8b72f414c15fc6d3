package h2client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"k8s.io/client-go/rest"
)

const (
	// room is how many bytes the server may send before the window is updated: more than any answer
	// has. The window is updated while answers are received.
	room = 1 << 30
	// defaultWindow is the initial window of a peer in the RFC.
	defaultWindow = 65535
)

// Conn is one connection. It is safe for concurrent use, with as many requests in flight as the
// server allows (100 and more).
type Conn struct {
	raw    *tls.Conn
	framer *http2.Framer // writes to out, reads from raw
	fixed  []hpack.HeaderField

	mu      sync.Mutex // guards the fields below, and the writing of frames
	out     bytes.Buffer
	spare   bytes.Buffer // the bytes being written, or written last
	writing bool         // a goroutine is writing, and will also write what is added to out during the write
	encoder *hpack.Encoder
	block   bytes.Buffer // what the encoder writes to
	streams map[uint32]*stream
	next    uint32
	window  int64 // bytes of bodies that the server accepts on this connection
	initial int64 // the same for a new stream
	credit  *sync.Cond
	err     error // why the connection is broken
}

// stream is a request in flight. The reader owns it until done is closed.
type stream struct {
	status string
	answer []byte
	window int64 // guarded by Conn.mu
	err    error
	done   chan struct{}
}

// Dial connects to the server of a configuration, with its TLS settings and its bearer token.
func Dial(ctx context.Context, config *rest.Config) (*Conn, error) {
	at, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	settings, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	settings.NextProtos = []string{http2.NextProtoTLS}
	if settings.ServerName == "" {
		settings.ServerName = at.Hostname()
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	c := &Conn{raw: tls.Client(raw, settings), streams: map[uint32]*stream{}, next: 1, window: defaultWindow, initial: defaultWindow}
	if err := c.raw.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	c.credit = sync.NewCond(&c.mu)
	c.encoder = hpack.NewEncoder(&c.block)
	c.framer = http2.NewFramer(&c.out, bufio.NewReaderSize(c.raw, 64<<10))
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.fixed = []hpack.HeaderField{
		{Name: ":scheme", Value: "https"}, {Name: ":authority", Value: at.Host},
		{Name: "accept", Value: "application/json"}, {Name: "accept-encoding", Value: "gzip"}, {Name: "user-agent", Value: "bench"},
		{Name: "authorization", Value: "Bearer " + config.BearerToken},
	}
	if config.BearerToken == "" {
		c.fixed = c.fixed[:len(c.fixed)-1]
	}
	c.out.WriteString(http2.ClientPreface)
	c.mu.Lock()
	err = errors.Join(
		c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: room}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}),
		c.framer.WriteWindowUpdate(0, room-defaultWindow),
	)
	c.flush()
	c.mu.Unlock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", config.Host, err), c.Close())
	}
	go c.read()
	return c, nil
}

// Close aborts all requests in flight.
func (c *Conn) Close() error {
	c.fail(net.ErrClosed)
	return c.raw.Close()
}

// Send sends one request and returns the answer, and an error unless the status is a success. It
// returns when the answer is complete, or when the context ends. In the second case the server is
// not notified.
func (c *Conn) Send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	s, err := c.begin(method, path, contentType, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%s %s: %w", method, path, context.Cause(ctx))
	}
	if s.err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, s.err)
	}
	if s.status == "" || s.status[0] != '2' {
		return s.answer, fmt.Errorf("%s %s: status %q", method, path, s.status)
	}
	return s.answer, nil
}

func (c *Conn) begin(method, path, contentType string, body []byte) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	s := &stream{done: make(chan struct{}), window: c.initial}
	id := c.next
	c.next += 2
	c.streams[id] = s

	c.block.Reset()
	field := func(f hpack.HeaderField) { _ = c.encoder.WriteField(f) } // it writes to a buffer, which does not fail
	field(hpack.HeaderField{Name: ":method", Value: method})
	field(hpack.HeaderField{Name: ":path", Value: path, Sensitive: true}) // it differs each time, so it must not enter the header table
	for _, f := range c.fixed {
		field(f)
	}
	if len(body) > 0 {
		field(hpack.HeaderField{Name: "content-type", Value: contentType})
	}
	headers := http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: len(body) == 0}
	if err := c.framer.WriteHeaders(headers); err != nil {
		return nil, err
	}
	for len(body) > 0 {
		const frame = 16 << 10
		n := min(int64(len(body)), frame, c.window, s.window)
		if n <= 0 {
			c.flush()
			for c.err == nil && s.err == nil && min(c.window, s.window) <= 0 {
				c.credit.Wait()
			}
			if err := errors.Join(c.err, s.err); err != nil {
				return nil, err
			}
			continue
		}
		c.window -= n
		s.window -= n
		if err := c.framer.WriteData(id, n == int64(len(body)), body[:n]); err != nil {
			return nil, err
		}
		body = body[n:]
	}
	c.flush()
	return s, c.err
}

// flush writes the content of out, unless another goroutine is already writing; that goroutine then
// writes this content too. The caller holds mu, which flush releases during the write.
func (c *Conn) flush() {
	if c.writing {
		return
	}
	c.writing = true
	for c.out.Len() > 0 && c.err == nil {
		c.out, c.spare = c.spare, c.out
		c.mu.Unlock()
		_, err := c.raw.Write(c.spare.Bytes())
		c.mu.Lock()
		c.spare.Reset()
		if err != nil {
			c.failLocked(err)
		}
	}
	c.writing = false
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Conn) failLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = fmt.Errorf("connection broken: %w", err)
	for id, s := range c.streams {
		c.end(id, s, c.err)
	}
	c.credit.Broadcast()
}

func (c *Conn) end(id uint32, s *stream, err error) {
	delete(c.streams, id)
	s.err = err
	close(s.done)
}

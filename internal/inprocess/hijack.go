package inprocess

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// hijackable is what a handler writes the answer of an upgrade to.
type hijackable struct{ writer }

var _ http.Hijacker = hijackable{}

// Hijack implements http.Hijacker: the handler gets one end of a pipe, and writes the answer to it
// as to a connection.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	x := h.x
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.end != nil:
		return nil, nil, errGone
	case x.conn != nil:
		return nil, nil, http.ErrHijacked
	case x.status != 0 || x.returned:
		return nil, nil, errors.New("take over the connection: the answer has begun")
	}
	mine, callers := net.Pipe()
	x.conn = callers
	x.show()
	return mine, bufio.NewReadWriter(bufio.NewReader(mine), bufio.NewWriter(mine)), nil
}

// upgraded reads the answer that a handler writes to the connection that it has taken over. A
// connection of the new protocol is the caller's: it lasts until one of the two closes it, or the
// server ends.
func (x *exchange) upgraded(conn net.Conn, r *http.Request) (*http.Response, error) {
	// The call may end, or the handler return, before there is an answer.
	buffered := bufio.NewReader(conn)
	answer, err := http.ReadResponse(buffered, r)
	if err != nil {
		_ = conn.Close() // there is no answer to wait for
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.end != nil {
			return nil, x.end
		}
		return nil, fmt.Errorf("read the answer to an upgrade: %w", err)
	}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		x.detach()
		answer.Body = upgradedBody{buffered, conn}
		return answer, nil
	}
	answer.Body = closing{answer.Body, conn}
	return answer, nil
}

// upgradedBody is a connection of another protocol. It implements io.ReadWriteCloser.
type upgradedBody struct {
	io.Reader
	conn net.Conn
}

func (b upgradedBody) Write(p []byte) (int, error) { return b.conn.Write(p) }
func (b upgradedBody) Close() error                { return b.conn.Close() }

// closing closes the connection with the body that came over it.
type closing struct {
	io.ReadCloser
	conn io.Closer
}

func (c closing) Close() error { return errors.Join(c.ReadCloser.Close(), c.conn.Close()) }

package direct

import (
	"context"
	"errors"
	"io"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// pipeSize is how many messages may be on their way in each direction before
// the sender waits.
const pipeSize = 16

// pipe is a stream between a client and a handler in one process. Messages go
// by reference. It ends when the handler returns or the client's context ends,
// whichever is first.
type pipe[Req, Resp any] struct {
	requests  chan *Req
	responses chan *Resp
	closeSend sync.Once
	noMore    chan struct{} // closed by CloseSend
	stopping  <-chan struct{}
	// done is closed when the handler has returned; err is what it returned.
	done chan struct{}
	err  error
}

// clientSide is the end that the client library holds.
type clientSide[Req, Resp any] struct {
	clientStream
	p *pipe[Req, Resp]
}

// serverSide is the end that the handler holds.
type serverSide[Req, Resp any] struct {
	serverStream
	p *pipe[Req, Resp]
}

// openPipe starts handle in a goroutine that srv waits for when it stops.
func openPipe[Req, Resp any](ctx context.Context, srv *etcdserver.Server, handle func(*serverSide[Req, Resp]) error) (*clientSide[Req, Resp], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &pipe[Req, Resp]{
		requests:  make(chan *Req, pipeSize),
		responses: make(chan *Resp, pipeSize),
		noMore:    make(chan struct{}),
		stopping:  srv.Stopping(),
		done:      make(chan struct{}),
	}
	// The handler's context also ends when the handler does, so that what it
	// left behind in Recv comes back.
	sctx, cancel := context.WithCancel(ctx)
	s := &serverSide[Req, Resp]{serverStream: serverStream{ctx: sctx}, p: p}
	if !srv.Go(func() {
		defer cancel()
		p.err = handle(s)
		close(p.done)
	}) {
		cancel()
		return nil, rpctypes.ErrGRPCStopped
	}
	return &clientSide[Req, Resp]{clientStream: clientStream{ctx: ctx}, p: p}, nil
}

// Send gives a request to the handler. Once that has returned the answer is
// io.EOF, and Recv says why.
func (c *clientSide[Req, Resp]) Send(r *Req) error {
	select {
	case c.p.requests <- r:
		return nil
	case <-c.p.done:
		return io.EOF
	case <-c.ctx.Done():
		return status.FromContextError(c.ctx.Err()).Err()
	}
}

// Recv returns what the handler sent, and when that is all how it ended.
func (c *clientSide[Req, Resp]) Recv() (*Resp, error) {
	select {
	case r := <-c.p.responses:
		return r, nil
	case <-c.ctx.Done():
		return nil, status.FromContextError(c.ctx.Err()).Err()
	case <-c.p.done:
	}
	select {
	case r := <-c.p.responses: // sent before the end
		return r, nil
	default:
	}
	switch err := c.p.err; {
	case err == nil:
		return nil, io.EOF
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, status.FromContextError(err).Err()
	default:
		return nil, err
	}
}

func (c *clientSide[Req, Resp]) CloseSend() error {
	c.p.closeSend.Do(func() { close(c.p.noMore) })
	return nil
}

// Send waits while the client does not read.
func (s *serverSide[Req, Resp]) Send(r *Resp) error {
	select {
	case s.p.responses <- r:
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	case <-s.p.stopping:
		return rpctypes.ErrGRPCStopped
	}
}

func (s *serverSide[Req, Resp]) Recv() (*Req, error) {
	select {
	case r := <-s.p.requests:
		return r, nil
	case <-s.ctx.Done():
		return nil, status.FromContextError(s.ctx.Err()).Err()
	case <-s.p.noMore:
	}
	select {
	case r := <-s.p.requests: // sent before CloseSend
		return r, nil
	default:
		return nil, io.EOF
	}
}

var errTyped = status.Error(codes.Unimplemented, "in-process streams have typed messages: use Send and Recv")

// clientStream is what grpc.ClientStream asks for beside Send and Recv.
type clientStream struct {
	ctx context.Context //nolint:containedctx // grpc.ClientStream has a method that returns it
}

var _ grpc.ClientStream = clientStream{}

func (s clientStream) Context() context.Context   { return s.ctx }
func (clientStream) Header() (metadata.MD, error) { return nil, nil }
func (clientStream) Trailer() metadata.MD         { return nil }
func (clientStream) CloseSend() error             { return nil }
func (clientStream) SendMsg(any) error            { return errTyped }
func (clientStream) RecvMsg(any) error            { return errTyped }

// serverStream is what grpc.ServerStream asks for beside Send and Recv.
type serverStream struct {
	ctx context.Context //nolint:containedctx // grpc.ServerStream has a method that returns it
}

var _ grpc.ServerStream = serverStream{}

func (s serverStream) Context() context.Context   { return s.ctx }
func (serverStream) SetHeader(metadata.MD) error  { return nil }
func (serverStream) SendHeader(metadata.MD) error { return nil }
func (serverStream) SetTrailer(metadata.MD)       {}
func (serverStream) SendMsg(any) error            { return errTyped }
func (serverStream) RecvMsg(any) error            { return errTyped }

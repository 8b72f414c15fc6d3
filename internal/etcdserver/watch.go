package etcdserver

import (
	"context"
	"errors"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

type watchService struct {
	pb.UnsafeWatchServer
	s *Server
}

// requestQueue is how many requests of a stream wait while its goroutine is
// busy sending. A client that sends from the goroutine that reads must not
// block on a full queue; progress requests take no room in it.
const requestQueue = 1024

// Watch serves one stream: requests come in on a goroutine of their own, and
// this one runs the watchers until the client or the server ends the stream.
func (ws *watchService) Watch(stream pb.Watch_WatchServer) error {
	st := &watchStream{
		s:        ws.s,
		store:    ws.s.store,
		ctx:      stream.Context(),
		send:     stream.Send,
		requests: make(chan *pb.WatchRequest, requestQueue),
		wakeup:   make(chan struct{}, 1),
		watchers: make(map[int64]*watcher),
	}
	defer st.close()
	ended := make(chan struct{})
	defer close(ended)
	failed := make(chan error, 1)
	if !ws.s.Go(func() { failed <- receive(stream, st, ended) }) {
		return rpctypes.ErrGRPCStopped
	}
	st.failed = failed
	err := st.run()
	if errors.Is(err, context.Canceled) {
		return rpctypes.ErrGRPCWatchCanceled
	}
	return err
}

// receive queues what the client sends, until the stream ends. It returns nil
// if the client only said that it will send no more.
func receive(stream grpc.BidiStreamingServer[pb.WatchRequest, pb.WatchResponse], st *watchStream, ended <-chan struct{}) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if req.GetProgressRequest() != nil {
			st.progressRequested.Store(true)
			st.wake()
			continue
		}
		select {
		case st.requests <- req:
		case <-ended:
			return nil
		}
	}
}

// run is the life of a stream. Each turn handles the requests, reads on for
// every watcher that has something to read, tells progress, and then waits for
// the next cause.
func (st *watchStream) run() error {
	st.timer = time.NewTimer(time.Hour)
	defer st.timer.Stop()
	st.period = time.Now().Add(st.s.opts.ProgressInterval)
	failed := st.failed
	for {
		// Taken before anything is read, so that no change is missed.
		changed := st.store.Changed()
		if err := st.handleQueued(); err != nil {
			return err
		}
		asked := st.progressRequested.Swap(false)
		more, err := st.poll()
		if err != nil {
			return err
		}
		if err := st.tellProgress(asked); err != nil {
			return err
		}
		if more {
			select {
			case <-st.ctx.Done():
				return st.ctx.Err()
			case <-st.s.stopping:
				return rpctypes.ErrGRPCStopped
			default:
				continue
			}
		}
		st.timer.Reset(st.nextDeadline())
		select {
		case req := <-st.requests:
			if err := st.handle(req); err != nil {
				return err
			}
		case <-changed:
		case <-st.wakeup:
		case <-st.timer.C:
		case err := <-failed:
			if err != nil {
				return err
			}
			failed = nil // the client sends no more but still listens
		case <-st.ctx.Done():
			return st.ctx.Err()
		case <-st.s.stopping:
			return rpctypes.ErrGRPCStopped
		}
	}
}

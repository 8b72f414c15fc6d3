package etcdserver_test

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// watchStream is a raw Watch stream: requests and answers as they are.
type watchStream struct {
	t      testing.TB
	stream pb.Watch_WatchClient
	cancel context.CancelFunc
}

func (e *endpoint) watchStream(t testing.TB) *watchStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	stream, err := e.watch.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &watchStream{t: t, stream: stream, cancel: cancel}
}

func (s *watchStream) send(r *pb.WatchRequest) {
	s.t.Helper()
	if err := s.stream.Send(r); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

func (s *watchStream) recv() *pb.WatchResponse {
	s.t.Helper()
	r, err := s.stream.Recv()
	if err != nil {
		s.t.Fatalf("receive: %v", err)
	}
	return r
}

// create asks for a watch and returns the answer to that.
func (s *watchStream) create(r *pb.WatchCreateRequest) *pb.WatchResponse {
	s.t.Helper()
	s.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}})
	for {
		if r := s.recv(); r.Created {
			return r
		}
	}
}

func (s *watchStream) askProgress() {
	s.t.Helper()
	s.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
}

func (s *watchStream) cancelWatch(id int64) {
	s.t.Helper()
	s.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}})
}

// events reads until it has n events, and returns them.
func (s *watchStream) events(n int) []*mvccpb.Event {
	s.t.Helper()
	var all []*mvccpb.Event
	for len(all) < n {
		all = append(all, s.recv().Events...)
	}
	if len(all) > n {
		s.t.Fatalf("got %d events, want %d", len(all), n)
	}
	return all
}

// isProgress says whether r only tells of progress.
func isProgress(r *pb.WatchResponse) bool {
	return len(r.Events) == 0 && !r.Created && !r.Canceled
}

func prefix(p string) *pb.WatchCreateRequest {
	end := []byte(p)
	end[len(end)-1]++
	return &pb.WatchCreateRequest{Key: []byte(p), RangeEnd: end}
}

// eventually waits for a condition that comes about by itself.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

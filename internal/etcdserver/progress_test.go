package etcdserver_test

import (
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// A progress request is answered at once, for all watches of the stream in one.
func TestProgressRequest(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		e.put(t, "x", "")
		s := e.watchStream(t)
		s.create(prefix("a"))
		s.create(prefix("b"))
		e.put(t, "x", "") // 3
		s.askProgress()
		if r := s.recv(); !isProgress(r) || r.WatchId != -1 || r.Header.Revision != 3 {
			t.Errorf("got %v", r)
		}
		// While one starts in the future there is no answer, as in etcd.
		future := prefix("c")
		future.StartRevision = 5
		id := s.create(future).WatchId
		s.askProgress()
		e.put(t, "x", "") // 4
		s.askProgress()
		s.cancelWatch(id)
		if r := s.recv(); !r.Canceled {
			t.Errorf("got %v before the watch that starts later was canceled", r)
		}
		s.askProgress()
		if r := s.recv(); !isProgress(r) || r.WatchId != -1 || r.Header.Revision != 4 {
			t.Errorf("got %v", r)
		}
	})
}

// clientv3 asks for progress on a stream of its own context.
func TestClientProgress(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		ctx := testContext(t)
		w := e.client.Watch(ctx, "a")
		e.put(t, "x", "")
		if err := e.client.RequestProgress(ctx); err != nil {
			t.Fatal(err)
		}
		if r := <-w; !r.IsProgressNotify() || r.Header.Revision != 2 {
			t.Errorf("got %+v", r)
		}
	})
}

// Progress that nobody asked for: for watches that want it, after the revision
// has moved past them, and not again before it moves.
func TestEagerProgress(t *testing.T) {
	onBoth(t, etcdserver.Options{EagerProgress: time.Millisecond}, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		s.create(prefix("b"))
		wanting := prefix("a")
		wanting.ProgressNotify = true
		id := s.create(wanting).WatchId
		for want := int64(2); want < 5; want++ {
			e.put(t, "x", "")
			if r := s.recv(); !isProgress(r) || r.WatchId != id || r.Header.Revision != want {
				t.Fatalf("got %v, want progress to %d", r, want)
			}
		}
		// An event brings the client up to date as well.
		e.put(t, "a", "")
		if r := s.recv(); len(r.Events) != 1 {
			t.Fatalf("got %v", r)
		}
		e.put(t, "x", "")
		if r := s.recv(); !isProgress(r) || r.Header.Revision != 6 {
			t.Fatalf("got %v", r)
		}
	})
}

// Reading the key that stands for a span pushes the progress of its watches,
// long before it would be due.
func TestNudge(t *testing.T) {
	onBoth(t, etcdserver.Options{EagerProgress: time.Hour}, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		req := prefix("/registry/agents/")
		req.ProgressNotify = true
		s.create(req)
		other := e.watchStream(t)
		req = prefix("/registry/models/")
		req.ProgressNotify = true
		other.create(req)
		e.put(t, "x", "") // 2

		read := func(r *pb.RangeRequest) {
			t.Helper()
			if _, err := e.kv.Range(testContext(t), r); err != nil {
				t.Fatal(err)
			}
		}
		read(&pb.RangeRequest{Key: []byte("/registry/agents"), Limit: 1})
		if r := s.recv(); !isProgress(r) || r.Header.Revision != 2 {
			t.Fatalf("got %v", r)
		}
		// None of these is a question for the newest revision of agents.
		read(&pb.RangeRequest{Key: []byte("/registry/agents/a"), Limit: 1})
		read(&pb.RangeRequest{Key: []byte("/registry/agents"), Revision: 1})
		read(&pb.RangeRequest{Key: []byte("/registry/agents"), RangeEnd: []byte("/registry/agents0")})
		// Nor has this anything to tell: the client knows.
		read(&pb.RangeRequest{Key: []byte("/registry/agents"), Limit: 1})
		e.put(t, "/registry/agents/a", "") // 3
		if r := s.recv(); len(r.Events) != 1 {
			t.Fatalf("got %v", r)
		}
		e.put(t, "x", "") // 4
		read(&pb.RangeRequest{Key: []byte("/registry/agents/")})
		if r := s.recv(); !isProgress(r) || r.Header.Revision != 4 {
			t.Fatalf("got %v", r)
		}
		read(&pb.RangeRequest{Key: []byte("/registry/models")})
		if r := other.recv(); !isProgress(r) || r.Header.Revision != 4 {
			t.Fatalf("got %v", r)
		}
	})
}

// The periodic kind comes without any change.
func TestPeriodicProgress(t *testing.T) {
	onBoth(t, etcdserver.Options{EagerProgress: -1, ProgressInterval: 10 * time.Millisecond}, func(t *testing.T, e *endpoint) {
		e.put(t, "x", "")
		s := e.watchStream(t)
		s.create(prefix("b"))
		req := prefix("a")
		req.ProgressNotify = true
		id := s.create(req).WatchId
		for range 3 {
			if r := s.recv(); !isProgress(r) || r.WatchId != id || r.Header.Revision != 2 {
				t.Fatalf("got %v", r)
			}
		}
	})
}

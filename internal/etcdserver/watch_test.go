package etcdserver_test

import (
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// quiet switches off the progress that nobody asked for.
var quiet = etcdserver.Options{EagerProgress: -1}

func TestWatchCreate(t *testing.T) {
	tests := []struct {
		name string
		req  *pb.WatchCreateRequest
		id   int64
		why  string // of an answer that is canceled at once
	}{
		{"one key", &pb.WatchCreateRequest{Key: []byte("a")}, 0, ""},
		{"next id", prefix("a"), 1, ""},
		{"own id", &pb.WatchCreateRequest{Key: []byte("a"), WatchId: 2}, 2, ""},
		{"own id twice", &pb.WatchCreateRequest{Key: []byte("a"), WatchId: 2}, -1, "mvcc: duplicate watch ID provided on the WatchStream"},
		{"chosen id passes over a taken one", &pb.WatchCreateRequest{Key: []byte("a")}, 3, ""},
		{"everything", &pb.WatchCreateRequest{RangeEnd: []byte{0}}, 4, ""},
		{"empty span", &pb.WatchCreateRequest{Key: []byte("b"), RangeEnd: []byte("b")}, -1, "mvcc: watcher range is empty"},
		{"negative start", &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: -1}, -1, "etcdserver: mvcc: required revision has been compacted"},
		{"future start", &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 1000}, 5, ""},
	}
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		e.put(t, "a", "1")
		s := e.watchStream(t)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				r := s.create(tt.req)
				if r.WatchId != tt.id || r.Canceled != (tt.why != "") || r.CancelReason != tt.why || r.Header.Revision != 2 {
					t.Errorf("got %v", r)
				}
			})
		}
	})
}

func TestWatchEvents(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		e.put(t, "a/1", "v1")     // 2
		e.put(t, "b/1", "other")  // 3
		e.put(t, "a/1", "v2")     // 4
		e.delete(t, "a/1")        // 5
		e.put(t, "a/2", "second") // 6

		describe := func(events []*mvccpb.Event) string {
			var b strings.Builder
			for _, ev := range events {
				fmt.Fprintf(&b, "%d%s %s=%s was %s; ", ev.Kv.ModRevision, ev.Type, ev.Kv.Key, ev.Kv.Value, ev.PrevKv.GetValue())
			}
			return b.String()
		}
		tests := []struct {
			name string
			req  func(*pb.WatchCreateRequest)
			n    int
			want string
		}{
			{"from the beginning", func(r *pb.WatchCreateRequest) { r.StartRevision = 1 }, 4,
				"2PUT a/1=v1 was ; 4PUT a/1=v2 was ; 5DELETE a/1= was ; 6PUT a/2=second was ; "},
			{"with what was before", func(r *pb.WatchCreateRequest) { r.StartRevision, r.PrevKv = 4, true }, 3,
				"4PUT a/1=v2 was v1; 5DELETE a/1= was v2; 6PUT a/2=second was ; "},
			{"deletes only", func(r *pb.WatchCreateRequest) {
				r.StartRevision = 1
				r.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT}
			}, 1, "5DELETE a/1= was ; "},
			{"puts only", func(r *pb.WatchCreateRequest) {
				r.StartRevision = 1
				r.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}
			}, 3, "2PUT a/1=v1 was ; 4PUT a/1=v2 was ; 6PUT a/2=second was ; "},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				s := e.watchStream(t)
				req := prefix("a/")
				tt.req(req)
				s.create(req)
				if got := describe(s.events(tt.n)); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			})
		}
		t.Run("from the future", func(t *testing.T) {
			s := e.watchStream(t)
			s.create(&pb.WatchCreateRequest{Key: []byte("z"), StartRevision: 8})
			e.put(t, "z", "7")
			e.put(t, "z", "8")
			if got := describe(s.events(1)); got != "8PUT z=8 was ; " {
				t.Errorf("got %s", got)
			}
		})
	})
}

// All events of one transaction come in one answer.
func TestWatchTransaction(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		s.create(prefix("k"))
		var ops []*pb.RequestOp
		for i := range 100 {
			ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: fmt.Appendf(nil, "k%03d", i)}}})
		}
		if _, err := e.kv.Txn(testContext(t), &pb.TxnRequest{Success: ops}); err != nil {
			t.Fatal(err)
		}
		if r := s.recv(); len(r.Events) != 100 || r.Header.Revision != 2 {
			t.Errorf("got %d events, header %v", len(r.Events), r.Header)
		}
	})
}

func TestWatchFragments(t *testing.T) {
	onBoth(t, etcdserver.Options{EagerProgress: -1, MaxRequestBytes: 20_000}, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		req := prefix("k")
		req.Fragment = true
		s.create(req)
		var ops []*pb.RequestOp
		for i := range 100 {
			ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: fmt.Appendf(nil, "k%03d", i), Value: make([]byte, 100)}}})
		}
		if _, err := e.kv.Txn(testContext(t), &pb.TxnRequest{Success: ops}); err != nil {
			t.Fatal(err)
		}
		// A second revision makes the answer larger than the limit.
		if _, err := e.kv.Txn(testContext(t), &pb.TxnRequest{Success: ops}); err != nil {
			t.Fatal(err)
		}
		resumed := e.watchStream(t)
		req = prefix("k")
		req.Fragment, req.StartRevision = true, 1
		resumed.create(req)
		for _, s := range []*watchStream{s, resumed} {
			var keys []string
			for len(keys) < 200 {
				r := s.recv()
				for _, ev := range r.Events {
					keys = append(keys, fmt.Sprintf("%d %s", ev.Kv.ModRevision, ev.Kv.Key))
				}
				if len(keys) == 200 && r.Fragment {
					t.Error("the last part is marked as a fragment")
				}
			}
			for i, k := range keys {
				if want := fmt.Sprintf("%d k%03d", 2+i/100, i%100); k != want {
					t.Fatalf("event %d is %s, want %s", i, k, want)
				}
			}
		}
	})
}

func TestWatchCompacted(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		for i := range 5 {
			e.put(t, "k", fmt.Sprint(i)) // 2..6
		}
		open := e.watchStream(t)
		open.create(&pb.WatchCreateRequest{Key: []byte("k")})
		e.compact(t, 4)

		s := e.watchStream(t)
		old := s.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 3})
		if old.Canceled {
			t.Fatalf("created: %v", old)
		}
		r := s.recv()
		if !r.Canceled || r.CompactRevision != 4 || r.WatchId != old.WatchId || r.CancelReason != "" || r.Header.Revision != 6 {
			t.Errorf("below the compacted revision: %v", r)
		}
		// The id stays taken until the client has heard and canceled.
		if r := s.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 5}); r.WatchId == old.WatchId {
			t.Error("the id was given to another watch")
		}
		s.events(2)
		s.cancelWatch(old.WatchId)
		if r := s.recv(); !r.Canceled || r.WatchId != old.WatchId {
			t.Errorf("canceled by the client: %v", r)
		}

		at := e.watchStream(t)
		at.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 4, PrevKv: true})
		events := at.events(3)
		if events[0].PrevKv != nil {
			t.Error("a compacted value came with an event")
		}
		if string(events[1].PrevKv.GetValue()) != "2" {
			t.Errorf("got %v", events[1])
		}
		// A watch that had read everything goes on.
		e.put(t, "k", "5")
		if ev := open.events(1)[0]; ev.Kv.ModRevision != 7 {
			t.Errorf("got %v", ev)
		}
	})
}

// The empty store's revision 1 is compacted like any other.
func TestWatchCompactedBeginning(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		e.put(t, "k", "") // 2
		e.compact(t, 2)
		s := e.watchStream(t)
		s.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 1})
		if r := s.recv(); !r.Canceled || r.CompactRevision != 2 {
			t.Errorf("got %v", r)
		}
	})
}

// A compaction takes nothing from a watch that is under way, though its reader be
// slow.
func TestWatchOutlivesCompaction(t *testing.T) {
	const writes = 100
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		s.create(&pb.WatchCreateRequest{Key: []byte("k"), PrevKv: true})
		value := strings.Repeat("v", 20_000)
		var last int64
		for range writes {
			last = e.put(t, "k", value)
		}
		e.compact(t, last)
		for i, ev := range s.events(writes) {
			if ev.Kv.ModRevision != int64(i+2) || ev.Kv.Version != ev.PrevKv.GetVersion()+1 {
				t.Fatalf("event %d: revision %d, version %d after %d", i, ev.Kv.ModRevision, ev.Kv.Version, ev.PrevKv.GetVersion())
			}
		}
	})
}

func TestWatchCancel(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		s := e.watchStream(t)
		a := s.create(&pb.WatchCreateRequest{Key: []byte("a")})
		b := s.create(&pb.WatchCreateRequest{Key: []byte("b")})
		s.cancelWatch(999) // no answer
		s.cancelWatch(a.WatchId)
		if r := s.recv(); !r.Canceled || r.WatchId != a.WatchId || r.CancelReason != "" || r.CompactRevision != 0 {
			t.Fatalf("got %v", r)
		}
		e.put(t, "a", "")
		e.put(t, "b", "")
		if r := s.recv(); r.WatchId != b.WatchId || string(r.Events[0].Kv.Key) != "b" {
			t.Errorf("got %v", r)
		}
		s.cancel()
		if _, err := s.stream.Recv(); status.Code(err) != codes.Canceled {
			t.Errorf("after the context ended: %v", err)
		}
	})
}

// A stream that is not read holds up nobody, and misses nothing once it is.
func TestWatchSlowReader(t *testing.T) {
	const writes = 300
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		slow, fast := e.watchStream(t), e.watchStream(t)
		slow.create(prefix("k"))
		fast.create(prefix("k"))
		value := strings.Repeat("v", 10_000)
		for i := range writes {
			e.put(t, fmt.Sprintf("k%d", i%7), value)
			fast.events(1)
		}
		for i, ev := range slow.events(writes) {
			if ev.Kv.ModRevision != int64(i+2) {
				t.Fatalf("event %d has revision %d", i, ev.Kv.ModRevision)
			}
		}
	})
}

// Stop ends streams with etcd's error and waits for them, also for one whose
// client does not read.
func TestStopEndsWatches(t *testing.T) {
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		idle, stuck := e.watchStream(t), e.watchStream(t)
		idle.create(prefix("k"))
		stuck.create(prefix("k"))
		value := strings.Repeat("v", 100_000)
		for i := range 40 {
			e.put(t, fmt.Sprintf("k%d", i), value)
		}
		idle.events(40)
		e.srv.Stop()
		if _, err := idle.stream.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

package etcdserver_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// faulty is a real engine that can be told to fail.
type faulty struct {
	*sqlite.Engine
	events, commit atomic.Pointer[error]
	asked          atomic.Int64
}

func (f *faulty) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	f.asked.Add(1)
	if err := f.events.Load(); err != nil {
		return after, *err
	}
	return f.Engine.Events(ctx, after, last, maxBytes, each)
}

func (f *faulty) Commit(ctx context.Context, b *mvcc.Batch) error {
	if err := f.commit.Load(); err != nil {
		return *err
	}
	return f.Engine.Commit(ctx, b)
}

// startFaulty keeps next to nothing in memory, so that old revisions are read
// from the engine.
func startFaulty(t *testing.T) (*endpoint, *faulty) { return startFaultyWith(t, quiet) }

func startFaultyWith(t *testing.T, opts etcdserver.Options) (*endpoint, *faulty) {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{Engine: engine}
	store, err := mvcc.Open(ctx, f, mvcc.Options{RingCommits: 2})
	if err != nil {
		t.Fatal(err)
	}
	srv := etcdserver.New(store, opts)
	t.Cleanup(func() {
		srv.Stop()
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return &endpoint{store: store, srv: srv, kv: direct.KVClient(srv), watch: direct.WatchClient(srv), lease: direct.LeaseClient(srv)}, f
}

// While the storage cannot be read a watch stays open, answers nothing that it
// cannot know, and goes on where it was.
func TestWatchWaitsForStorage(t *testing.T) {
	e, f := startFaulty(t)
	for range 10 {
		e.put(t, "k", "v") // 2..11
	}
	broken := errors.New("disk on fire")
	f.events.Store(&broken)
	s := e.watchStream(t)
	s.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 2})
	s.askProgress()
	eventually(t, "the watch tries again", func() bool { return f.asked.Load() > 2 })
	other := s.create(&pb.WatchCreateRequest{Key: []byte("k")})
	e.put(t, "k", "new") // 12
	if r := s.recv(); r.WatchId != other.WatchId || len(r.Events) != 1 {
		t.Fatalf("got %v while the first watch waits", r)
	}
	if _, err := e.kv.Range(testContext(t), &pb.RangeRequest{Key: []byte("k"), Revision: 3}); status.Code(err) != codes.Unavailable {
		t.Errorf("read of an old revision: %v", err)
	}
	f.events.Store(nil)
	for i, ev := range s.events(11) {
		if ev.Kv.ModRevision != int64(i+2) {
			t.Fatalf("event %d has revision %d", i, ev.Kv.ModRevision)
		}
	}
	// The request for progress has stayed open until now.
	if r := s.recv(); !isProgress(r) || r.WatchId != -1 || r.Header.Revision != 12 {
		t.Errorf("got %v", r)
	}
}

// A write that may or may not have happened is an error that says so, and one
// that has not happened may be sent again.
func TestFailedCommits(t *testing.T) {
	tests := []struct {
		name    string
		failure error
		want    error
		code    codes.Code
	}{
		{"nothing written", errors.New("locked"), nil, codes.Unavailable},
		{"disk full", mvcc.ErrNoSpace, rpctypes.ErrGRPCNoSpace, codes.ResourceExhausted},
		{"outcome unknown", mvcc.ErrUnknownOutcome, rpctypes.ErrGRPCTimeout, codes.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, f := startFaulty(t)
			f.commit.Store(&tt.failure)
			_, err := e.kv.Put(testContext(t), &pb.PutRequest{Key: []byte("k")})
			if status.Code(err) != tt.code || (tt.want != nil && err != tt.want) {
				t.Errorf("got %v", err)
			}
			f.commit.Store(nil)
			if revision := e.put(t, "k", "v"); revision != 2 {
				t.Errorf("the next write got revision %d", revision)
			}
		})
	}
	t.Run("store closed", func(t *testing.T) {
		e, _ := startFaulty(t)
		if err := e.store.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.kv.Put(testContext(t), &pb.PutRequest{Key: []byte("k")}); err != rpctypes.ErrGRPCStopped {
			t.Errorf("got %v", err)
		}
	})
}

// What Explain adds to a failure of the storage reaches the clients, and their own faults are left
// alone.
func TestExplainedFailures(t *testing.T) {
	broken := errors.New("gone back")
	opts := quiet
	opts.Explain = func(err error) error {
		if errors.Is(err, broken) {
			return fmt.Errorf("%w: move it on", err)
		}
		return err
	}
	e, f := startFaultyWith(t, opts)
	for range 5 {
		e.put(t, "k", "v") // 2..6
	}
	f.commit.Store(&broken)
	f.events.Store(&broken)
	_, put := e.kv.Put(testContext(t), &pb.PutRequest{Key: []byte("k")})
	_, read := e.kv.Range(testContext(t), &pb.RangeRequest{Key: []byte("k"), Revision: 3})
	for what, err := range map[string]error{"a write": put, "a read": read} {
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "gone back: move it on") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := e.kv.Range(testContext(t), &pb.RangeRequest{Key: []byte("k"), Revision: 99}); err != rpctypes.ErrGRPCFutureRev {
		t.Errorf("a future revision: %v", err)
	}
}

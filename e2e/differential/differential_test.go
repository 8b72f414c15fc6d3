package differential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

func TestDifferential(t *testing.T) {
	n := number(t, "ARK_DIFF_OPS", 1500)
	if seed := number(t, "ARK_DIFF_SEED", -1); seed >= 0 {
		storage := os.Getenv("ARK_DIFF_STORAGE")
		if storage == "" {
			storage = engine.SQLite
		}
		runSeed(t, storage, seed, n)
		return
	}
	seeds := number(t, "ARK_DIFF_SEEDS", 24)
	for storage, seeds := range map[string]int{engine.SQLite: seeds, engine.PostgreSQL: seeds / 3, engine.MySQL: seeds / 3} {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed=%d", storage, seed), func(t *testing.T) {
				t.Parallel() // most of the time is spent waiting for etcd
				runSeed(t, storage, seed, n)
			})
		}
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%s: not a number", variable, text)
	}
	return n
}

// pair runs one seed on both systems.
type pair struct {
	t          *testing.T
	ctx        context.Context
	g          *generator
	etcd, ours *system
	logs       [2][]*watchLog
	history    []string
	// unsynced is true if a watch from an older revision may still be behind in etcd, which
	// synchronises those ten times a second.
	unsynced bool
}

func runSeed(t *testing.T, storage string, seed, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	p := &pair{
		t: t, ctx: ctx,
		g:    &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), revision: 1},
		etcd: startEtcd(t), ours: startOurs(t, storage, seed%2 == 1),
	}
	p.logs = [2][]*watchLog{openLogs(t, ctx, p.etcd), openLogs(t, ctx, p.ours)}
	var reading sync.WaitGroup
	for _, l := range slices.Concat(p.logs[0], p.logs[1]) {
		reading.Go(l.run)
	}
	defer reading.Wait()
	defer cancel()
	for i := range n {
		req := p.g.next()
		p.history = append(p.history, fmt.Sprintf("%d: %T %v", i, req, req))
		if difference := p.step(req); difference != "" {
			t.Fatalf("seed %d differs at request %d (again with ARK_DIFF_STORAGE=%s ARK_DIFF_SEED=%d ARK_DIFF_OPS=%d)\n%s\n\nlast requests:\n%s",
				seed, i, storage, seed, i+1, difference, strings.Join(p.history[max(0, len(p.history)-25):], "\n"))
		}
	}
	if difference := p.settle(); difference != "" {
		t.Fatalf("seed %d differs at the end\n%s", seed, difference)
	}
}

func (p *pair) settle() string {
	if p.unsynced {
		time.Sleep(250 * time.Millisecond)
		p.unsynced = false
	}
	return settled(p.logs[0], p.logs[1])
}

// step sends a request to both and returns how the answers differ.
func (p *pair) step(req any) string {
	switch r := req.(type) {
	case settle:
		return p.settle()
	case watchCreate:
		p.unsynced = p.unsynced || r.StartRevision > 0
		d := p.watchRequest(r.stream, true, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r.WatchCreateRequest}})
		if l := p.logs[0][r.stream]; d == "" && l.created >= 0 {
			l.starts[l.created] = r.StartRevision
		}
		return d
	case progress:
		if d := p.settle(); d != "" {
			return d
		}
		if !p.logs[0][r.stream].answersProgress(p.g.revision) {
			return ""
		}
		for i := range p.logs {
			if d := p.logs[i][r.stream].awaitProgress(p.g.revision); d != "" {
				return fmt.Sprintf("stream %d of system %d: %s", r.stream, i, d)
			}
		}
		return ""
	case watchCancel:
		// Events sent before the cancellation are certain only when everything is delivered.
		if d := p.settle(); d != "" {
			return d
		}
		known := p.logs[0][r.stream].open(r.id)
		delete(p.logs[0][r.stream].starts, r.id)
		return p.watchRequest(r.stream, known, &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: r.id}}})
	case *pb.CompactionRequest:
		// What a watch that is behind receives depends on when the compaction runs.
		if d := p.settle(); d != "" {
			return d
		}
	}
	ours, oursErr := call(p.ctx, p.ours, req)
	if rpctypes.Error(oursErr) == rpctypes.ErrDuplicateKey {
		// etcd's check accepts some of these, against its own rule, and the two would differ from then
		// on.
		return ""
	}
	etcd, etcdErr := call(p.ctx, p.etcd, req)
	if status.Code(etcdErr) != status.Code(oursErr) || !sameText(etcdErr, oursErr) {
		return fmt.Sprintf("errors:\n  etcd: %v\n  ours: %v", etcdErr, oursErr)
	}
	if etcdErr != nil {
		return ""
	}
	p.learn(req, etcd)
	normalize(etcd)
	normalize(ours)
	if !proto.Equal(etcd, ours) {
		return fmt.Sprintf("answers:\n  etcd: %v\n  ours: %v", etcd, ours)
	}
	return ""
}

// sameText compares messages. If a request is rejected as unsupported, the text may differ.
func sameText(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return status.Convert(a).Message() == status.Convert(b).Message() || status.Code(a).String() == "Unimplemented"
}

// watchRequest sends a request on a stream of both, and waits for the answers if
// there will be any.
func (p *pair) watchRequest(stream int, answered bool, req *pb.WatchRequest) string {
	for i := range p.logs {
		l := p.logs[i][stream]
		before := l.answered()
		// Both get a copy: in process the request itself arrives.
		if err := l.stream.Send(proto.Clone(req).(*pb.WatchRequest)); err != nil {
			return fmt.Sprintf("send to stream %d of system %d: %v", stream, i, err)
		}
		if answered && !l.awaitAnswer(before) {
			return fmt.Sprintf("no answer on stream %d of system %d to %v", stream, i, req)
		}
	}
	return ""
}

// open reports whether a watch with this ID exists. That includes a watch that a compaction has
// ended and that is not canceled yet.
func (l *watchLog) open(id int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := false
	for _, e := range l.events[id] {
		switch e {
		case "created":
			open = true
		case "canceled":
			open = false
		}
	}
	return open
}

func call(ctx context.Context, s *system, req any) (proto.Message, error) {
	if m, ok := req.(proto.Message); ok {
		req = proto.Clone(m)
	}
	switch r := req.(type) {
	case *pb.RangeRequest:
		return answer(s.kv.Range(ctx, r))
	case streamed:
		return collect(s.kv.RangeStream(ctx, proto.Clone(r.RangeRequest).(*pb.RangeRequest)))
	case *pb.PutRequest:
		return answer(s.kv.Put(ctx, r))
	case *pb.DeleteRangeRequest:
		return answer(s.kv.DeleteRange(ctx, r))
	case *pb.TxnRequest:
		return answer(s.kv.Txn(ctx, r))
	case *pb.CompactionRequest:
		return answer(s.kv.Compact(ctx, r))
	case *pb.LeaseGrantRequest:
		return answer(s.lease.LeaseGrant(ctx, r))
	case *pb.LeaseRevokeRequest:
		return answer(s.lease.LeaseRevoke(ctx, r))
	case *pb.LeaseTimeToLiveRequest:
		return answer(s.lease.LeaseTimeToLive(ctx, r))
	case *pb.LeaseLeasesRequest:
		return answer(s.lease.LeaseLeases(ctx, r))
	}
	return nil, fmt.Errorf("no such request: %T", req)
}

// answer copies the message: in process it shares memory with the store.
func answer[M proto.Message](m M, err error) (proto.Message, error) {
	if err != nil {
		return nil, err
	}
	return proto.Clone(m), nil
}

// collect joins the chunks of a stream.
func collect(stream pb.KV_RangeStreamClient, err error) (proto.Message, error) {
	all := &pb.RangeResponse{}
	for err == nil {
		var chunk *pb.RangeStreamResponse
		if chunk, err = stream.Recv(); err == nil {
			if all.Header != nil {
				return nil, errors.New("a chunk after the one with the header")
			}
			proto.Merge(all, chunk.RangeResponse)
		}
	}
	if errors.Is(err, io.EOF) {
		return all, nil
	}
	return nil, err
}

// learn updates the generator with the current revision.
func (p *pair) learn(req any, resp proto.Message) {
	if r, ok := resp.(interface{ GetHeader() *pb.ResponseHeader }); ok {
		p.g.revision = max(p.g.revision, r.GetHeader().GetRevision())
	}
	if r, ok := req.(*pb.CompactionRequest); ok {
		p.g.compacted = r.Revision
	}
}

// normalize removes the fields that may differ.
func normalize(m proto.Message) {
	if r, ok := m.(interface{ GetHeader() *pb.ResponseHeader }); ok {
		if h := r.GetHeader(); h != nil {
			h.ClusterId, h.MemberId, h.RaftTerm = 0, 0, 0
		}
	}
	switch r := m.(type) {
	case *pb.LeaseTimeToLiveResponse:
		slices.SortFunc(r.Keys, bytes.Compare)
		if r.TTL > 0 {
			r.TTL = 1
		}
	case *pb.LeaseLeasesResponse:
		slices.SortFunc(r.Leases, func(a, b *pb.LeaseStatus) int { return int(a.ID - b.ID) })
	}
}

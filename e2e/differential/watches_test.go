package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// streams is the number of watch streams of each system.
const streams = 4

// The operations on watches; stream is an index.
type (
	watchCreate struct {
		stream int
		*pb.WatchCreateRequest
	}
	watchCancel struct {
		stream int
		id     int64
	}
	// progress asks for the progress of a stream.
	progress struct{ stream int }
	// settle waits until both systems have delivered the same.
	settle struct{}
)

func (g *generator) watchCreate() watchCreate {
	r := &pb.WatchCreateRequest{PrevKv: g.chance(2), ProgressNotify: g.chance(4), Fragment: g.chance(4)}
	r.Key, r.RangeEnd = g.span()
	if g.chance(2) {
		r.StartRevision = g.near()
	}
	if g.chance(15) {
		r.StartRevision = -1
	}
	if g.chance(15) {
		r.Key = nil
	}
	if g.chance(4) {
		r.WatchId = g.Int64N(6)
	}
	for range g.IntN(3) {
		if g.chance(2) {
			r.Filters = append(r.Filters, pb.WatchCreateRequest_FilterType(g.IntN(2)))
		}
	}
	return watchCreate{g.IntN(streams), r}
}

// watchLog is what a stream has delivered. Answers to requests are separate from events, because
// the order is defined only within each kind.
type watchLog struct {
	stream pb.Watch_WatchClient

	mu      sync.Mutex
	answers []string
	events  map[int64][]string // by watch
	// starts has the start revision of each watch that is open.
	starts   map[int64]int64
	created  int64 // id of the newest watch, -1 if it was refused
	progress int64 // newest revision told for all watches
	fault    string
	ended    error
}

func openLogs(t *testing.T, ctx context.Context, s *system) []*watchLog {
	t.Helper()
	logs := make([]*watchLog, streams)
	for i := range logs {
		stream, err := s.watch.Watch(ctx)
		if err != nil {
			t.Fatalf("%s: open a watch stream: %v", s.name, err)
		}
		logs[i] = &watchLog{stream: stream, events: map[int64][]string{}, starts: map[int64]int64{}}
	}
	return logs
}

// run reads the stream until it ends.
func (l *watchLog) run() {
	for {
		r, err := l.stream.Recv()
		l.mu.Lock()
		if err != nil {
			l.ended = err
			l.mu.Unlock()
			return
		}
		l.add(r)
		l.mu.Unlock()
	}
}

func (l *watchLog) add(r *pb.WatchResponse) {
	switch {
	case r.Created:
		l.created = r.WatchId
		l.answers = append(l.answers, fmt.Sprintf("created %d at %d, canceled %v %q", r.WatchId, r.Header.Revision, r.Canceled, r.CancelReason))
		if !r.Canceled {
			l.events[r.WatchId] = append(l.events[r.WatchId], "created")
		}
	case r.Canceled && r.CompactRevision != 0:
		l.events[r.WatchId] = append(l.events[r.WatchId], fmt.Sprintf("compacted at %d %q", r.CompactRevision, r.CancelReason))
	case r.Canceled:
		l.answers = append(l.answers, fmt.Sprintf("canceled %d at %d %q", r.WatchId, r.Header.Revision, r.CancelReason))
		l.events[r.WatchId] = append(l.events[r.WatchId], "canceled")
	case r.WatchId == -1:
		l.progress = r.Header.Revision
	default: // events; progress of one watch has none
		for _, e := range r.Events {
			if e.Kv.ModRevision > r.Header.Revision {
				l.fault = fmt.Sprintf("an event of revision %d under the header %d", e.Kv.ModRevision, r.Header.Revision)
			}
			l.events[r.WatchId] = append(l.events[r.WatchId], describe(e))
		}
	}
}

func describe(m proto.Message) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%v (%x)", m, b)
}

// text returns the whole log in a comparable and readable form.
func (l *watchLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "fault %q, ended %v\n", l.fault, l.ended)
	for _, a := range l.answers {
		fmt.Fprintln(&b, a)
	}
	ids := make([]int64, 0, len(l.events))
	for id := range l.events {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, e := range l.events[id] {
			fmt.Fprintf(&b, "watch %d: %s\n", id, strings.ReplaceAll(e, "  ", " "))
		}
	}
	return b.String()
}

func (l *watchLog) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// awaitAnswer waits until more than n requests have been answered.
func (l *watchLog) awaitAnswer(n int) bool {
	for deadline := time.Now().Add(10 * time.Second); l.answered() <= n; time.Sleep(200 * time.Microsecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// answersProgress reports whether etcd must answer a request for progress: there is a watch, none
// begins later, and none was ended by a compaction and not canceled.
func (l *watchLog) answersProgress(revision int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, start := range l.starts {
		events := l.events[id]
		if start > revision || strings.HasPrefix(events[len(events)-1], "compacted") {
			return false
		}
	}
	return len(l.starts) > 0
}

// awaitProgress sends requests until there is progress to revision; etcd ignores a request while a
// watch is behind.
func (l *watchLog) awaitProgress(revision int64) string {
	var got int64
	for range 40 {
		if err := l.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}); err != nil {
			return err.Error()
		}
		for range 50 {
			l.mu.Lock()
			got = l.progress
			l.mu.Unlock()
			if got >= revision {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if got >= revision {
			break
		}
	}
	if got != revision {
		return fmt.Sprintf("progress to %d, want %d", got, revision)
	}
	return ""
}

// settled waits until both logs are equal and returns the difference if they are not.
func settled(etcd, ours []*watchLog) string {
	deadline := time.Now().Add(10 * time.Second)
	for i := range etcd {
		for etcd[i].text() != ours[i].text() {
			if time.Now().After(deadline) {
				return fmt.Sprintf("watch stream %d:\n%s", i, firstDifference(etcd[i].text(), ours[i].text()))
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return ""
}

// firstDifference shows the lines around the first that differs.
func firstDifference(etcd, ours string) string {
	a, b := strings.Split(etcd, "\n"), strings.Split(ours, "\n")
	for i := 0; i < len(a) || i < len(b); i++ {
		if i < len(a) && i < len(b) && a[i] == b[i] {
			continue
		}
		cut := func(lines []string) string {
			return strings.Join(lines[min(max(0, i-3), len(lines)):min(len(lines), i+3)], "\n    ")
		}
		return fmt.Sprintf("  etcd:\n    %s\n  ours:\n    %s", cut(a), cut(b))
	}
	return "no difference"
}

package etcdserver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// Many writers, several watches of one stream and of others: each sees every
// event of its span once and in order, and no header or progress runs ahead.
func TestWatchOrder(t *testing.T) {
	const writers, writes = 8, 100
	onBoth(t, etcdserver.Options{EagerProgress: time.Millisecond, ProgressInterval: 5 * time.Millisecond}, func(t *testing.T, e *endpoint) {
		streams := []*watchStream{e.watchStream(t), e.watchStream(t)}
		spans := make([]map[int64]string, len(streams)) // by stream and id
		for i, s := range streams {
			spans[i] = map[int64]string{}
			for w := range 3 {
				p := fmt.Sprintf("w%d/", i+w)
				req := prefix(p)
				req.ProgressNotify, req.PrevKv = w != 1, true
				spans[i][s.create(req).WatchId] = p
			}
			all := prefix("w")
			all.ProgressNotify, all.PrevKv = true, true
			spans[i][s.create(all).WatchId] = "w"
		}
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range writes {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					if _, err := e.kv.Put(ctx, &pb.PutRequest{Key: fmt.Appendf(nil, "w%d/%d", w, i%10), Value: fmt.Append(nil, i)}); err != nil {
						t.Errorf("put: %v", err)
					}
					cancel()
				}
			})
		}
		done := make(chan struct{})
		go func() { writing.Wait(); close(done) }()
		for i, s := range streams {
			check := orderCheck{seen: map[int64]int{}, next: map[int64]int64{}}
			want := map[int64]int{}
			left := 0
			for id, p := range spans[i] {
				want[id] = writes
				if p == "w" {
					want[id] = writers * writes
				}
				left += want[id]
			}
			for left > 0 {
				s.askProgress()
				r := s.recv()
				left -= len(r.Events)
				if err := check.add(r, spans[i]); err != nil {
					t.Fatal(err)
				}
			}
			for id, n := range want {
				if check.seen[id] != n {
					t.Errorf("watch %d saw %d events, want %d", id, check.seen[id], n)
				}
			}
		}
		<-done
	})
}

// orderCheck finds what a client may not see in a stream of answers.
type orderCheck struct {
	seen map[int64]int
	next map[int64]int64 // by watch: the least revision that may come
}

func (c *orderCheck) add(r *pb.WatchResponse, spans map[int64]string) error {
	if isProgress(r) {
		for id := range spans {
			if r.WatchId == id || r.WatchId == -1 {
				if r.Header.Revision+1 < c.next[id] {
					return fmt.Errorf("watch %d: progress went back to %d from %d", id, r.Header.Revision, c.next[id]-1)
				}
				c.next[id] = r.Header.Revision + 1
			}
		}
		return nil
	}
	for _, ev := range r.Events {
		if !strings.HasPrefix(string(ev.Kv.Key), spans[r.WatchId]) {
			return fmt.Errorf("watch %d of %q got %s", r.WatchId, spans[r.WatchId], ev.Kv.Key)
		}
		if ev.Kv.ModRevision < c.next[r.WatchId] {
			return fmt.Errorf("watch %d: event of revision %d after %d had been announced", r.WatchId, ev.Kv.ModRevision, c.next[r.WatchId]-1)
		}
		if ev.Kv.Version > 1 && ev.PrevKv.GetVersion() != ev.Kv.Version-1 {
			return fmt.Errorf("watch %d: version %d of %s came with %v before it", r.WatchId, ev.Kv.Version, ev.Kv.Key, ev.PrevKv)
		}
		c.seen[r.WatchId]++
		c.next[r.WatchId] = ev.Kv.ModRevision + 1
	}
	c.next[r.WatchId] = max(c.next[r.WatchId], r.Header.Revision+1)
	return nil
}

package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const prefix = "/replicas/"

// watcher maintains a copy of all keys by a watch at one replica, and checks that each event
// continues the copy. Broken streams are resumed after the last event.
type watcher struct {
	name     string
	client   *clientv3.Client
	history  *history // of the one watcher that keeps it
	revision int64    // whose events have all been seen
	versions map[string]int64
	events   int
	relists  int // because what came next had been compacted
	progress atomic.Int64
}

// follow watches until it has received the revision in end, once that is not 0.
func (w *watcher) follow(ctx context.Context, end *atomic.Int64) error {
	for {
		done, err := w.stream(ctx, end)
		switch {
		case done:
			return nil
		case errors.Is(err, rpctypes.ErrCompacted):
			if err := w.relist(ctx); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("%s: %w", w.name, err)
		case ctx.Err() != nil:
			return fmt.Errorf("%s: saw revision %d of %d in time", w.name, w.revision, end.Load())
		}
	}
}

// stream watches until the stream ends. Its error is a violated guarantee or a compaction.
func (w *watcher) stream(ctx context.Context, end *atomic.Int64) (done bool, err error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	ch := w.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithRev(w.revision+1), clientv3.WithProgressNotify())
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if last := end.Load(); last != 0 {
				if w.revision >= last {
					return true, nil
				}
				_ = w.client.RequestProgress(ctx) // an answer that does not come is asked for again
			}
		case resp, ok := <-ch:
			if !ok {
				return false, nil
			}
			if resp.CompactRevision != 0 {
				if resp.CompactRevision <= w.revision+1 {
					return false, fmt.Errorf("told that revision %d is compacted, but the compacted revision is %d", w.revision+1, resp.CompactRevision)
				}
				return false, rpctypes.ErrCompacted
			}
			if resp.Canceled {
				return false, nil
			}
			if err := w.apply(resp); err != nil {
				return false, err
			}
		}
	}
}

func (w *watcher) apply(resp clientv3.WatchResponse) error {
	last := w.revision
	for _, e := range resp.Events {
		c := change{revision: e.Kv.ModRevision, key: string(e.Kv.Key)}
		if e.Type == clientv3.EventTypePut {
			c.value = string(e.Kv.Value)
		}
		if e.PrevKv != nil {
			c.replaced = e.PrevKv.ModRevision
		}
		// Every revision of these runs changes a key below the prefix.
		if c.revision != last && c.revision != last+1 || c.revision <= w.revision {
			return fmt.Errorf("revision %d follows %d", c.revision, last)
		}
		last = c.revision
		if have := w.versions[c.key]; have != c.replaced {
			return fmt.Errorf("at revision %d %s replaces revision %d, this watcher has seen %d", c.revision, c.key, c.replaced, have)
		}
		if c.value == "" {
			delete(w.versions, c.key)
		} else {
			w.versions[c.key] = c.revision
		}
		w.events++
		if w.history != nil {
			if err := w.history.add(c); err != nil {
				return err
			}
		}
	}
	if resp.Header.Revision < last {
		return fmt.Errorf("a header of revision %d with events up to %d", resp.Header.Revision, last)
	}
	if len(resp.Events) == 0 && resp.Header.Revision > last {
		return fmt.Errorf("progress says %d while revision %d is still to come", resp.Header.Revision, last+1)
	}
	w.revision = last
	w.progress.Store(last)
	return nil
}

// relist takes a fresh copy.
func (w *watcher) relist(ctx context.Context) error {
	if w.history != nil {
		return fmt.Errorf("%s: compacted behind revision %d, and it keeps the history", w.name, w.revision)
	}
	for ctx.Err() == nil {
		get, cancel := context.WithTimeout(ctx, 20*time.Second)
		resp, err := w.client.Get(get, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
		cancel()
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		w.versions = map[string]int64{}
		for _, kv := range resp.Kvs {
			w.versions[string(kv.Key)] = kv.ModRevision
		}
		w.revision = resp.Header.Revision
		w.relists++
		return nil
	}
	return ctx.Err()
}

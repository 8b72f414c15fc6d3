package etcdserver

import (
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	minPollBackoff = 10 * time.Millisecond
	maxPollBackoff = time.Second
)

// poll reads on, once, for every watcher that may have something to read, and
// sends what it finds. It returns whether there is more to read right now.
func (st *watchStream) poll() (more bool, err error) {
	// remove replaces st.order, so this walk over the old one stays valid.
	for _, w := range st.order {
		// Before reading, so that a nudge is answered with what is read after it.
		if w.nudged.Swap(false) {
			w.hurry = true
		}
		if w.synced && w.revision >= st.store.Revision() {
			continue
		}
		if !w.retry.IsZero() && time.Now().Before(w.retry) {
			continue
		}
		res, err := w.cursor.Poll(st.ctx, st.s.opts.chunkBytes())
		switch {
		case errors.Is(err, mvcc.ErrCompacted):
			err = st.endCompacted(w)
		case err != nil && st.ctx.Err() != nil:
			err = st.ctx.Err()
		case err != nil:
			st.pollFailed(w, err)
			continue
		default:
			w.retry, w.backoff = time.Time{}, 0
			w.synced = res.Synced
			w.moved(res.Revision)
			more = more || !res.Synced
			err = st.sendEvents(w, w.wanted(res.Events))
		}
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

// pollFailed keeps the watch open while the storage is away.
func (st *watchStream) pollFailed(w *watcher, err error) {
	if w.backoff == 0 {
		st.s.opts.Log.Warn("watch waits for the storage", "key", string(w.span.Key), "revision", w.revision, "error", err)
	}
	st.s.counters.retries.Add(1)
	w.backoff = min(max(2*w.backoff, minPollBackoff), maxPollBackoff)
	w.retry = time.Now().Add(w.backoff)
	w.synced = false
}

// endCompacted ends a watch whose next revision has been compacted.
func (st *watchStream) endCompacted(w *watcher) error {
	w.compacted = true
	st.s.counters.ended.Add(1)
	st.remove(w)
	return st.send(&pb.WatchResponse{
		Header:          header(st.store.Revision()),
		WatchId:         w.id,
		Canceled:        true,
		CompactRevision: st.store.Compacted(),
	})
}

// sendEvents sends events. The header has the revision of the last of them, so
// that headers of a watch never go back, whatever progress follows.
func (st *watchStream) sendEvents(w *watcher, events []mvcc.Event) error {
	if len(events) == 0 {
		return nil
	}
	last := events[len(events)-1].KV.ModRevision
	resp := &pb.WatchResponse{
		Header:  header(last),
		WatchId: w.id,
		Events:  toEvents(events, w.prevKV, w.begun),
	}
	st.s.counters.events.Add(int64(len(events)))
	w.quiet = false
	w.learned(last)
	if !w.fragment {
		return st.send(resp)
	}
	return sendFragments(resp, st.s.opts.chunkBytes(), st.send)
}

// sendFragments splits resp between events so that each part stays below limit
// bytes where it can; all parts but the last are marked as fragments.
func sendFragments(resp *pb.WatchResponse, limit int, send func(*pb.WatchResponse) error) error {
	events := resp.Events
	for len(events) > 0 {
		part := &pb.WatchResponse{Header: resp.Header, WatchId: resp.WatchId}
		size := proto.Size(part)
		n := 0
		for n < len(events) {
			// Tag and length of the event add at most eleven bytes.
			size += proto.Size(events[n]) + 11
			if n > 0 && size >= limit {
				break
			}
			n++
		}
		part.Events, events = events[:n:n], events[n:]
		part.Fragment = len(events) > 0
		if err := send(part); err != nil {
			return err
		}
	}
	return nil
}

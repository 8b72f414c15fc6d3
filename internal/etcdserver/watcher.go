package etcdserver

import (
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// watcher is one watch of a stream. It belongs to the goroutine of its stream,
// but for the atomic fields and wake.
type watcher struct {
	id     int64
	span   mvcc.Span
	cursor *mvcc.Watcher
	// start is the revision asked for; 0 is "from now on".
	start int64
	// begun is the compacted revision when the watch began. A later compaction
	// takes nothing from it.
	begun int64

	progress, prevKV, fragment bool
	noPut, noDelete            bool

	// revision is how far the cursor has come: every matching event up to
	// here has been sent.
	revision int64
	// synced says that the last poll found nothing more.
	synced bool
	// compacted says that the watch is over; it stays only so that its id is
	// known when the client cancels it.
	compacted bool
	// quiet says that nothing was sent since the last periodic progress.
	quiet bool
	// hurry says that progress is to be told as soon as all has been read.
	hurry bool
	// retry is when to poll again after a failure of the storage, and backoff
	// the pause that led to it. Zero when all is well.
	retry   time.Time
	backoff time.Duration

	// position is revision, for Stats.
	position atomic.Int64
	// known is the newest revision that the client has seen in an event or
	// a progress notification.
	known atomic.Int64
	// nudged asks for progress at once.
	nudged atomic.Bool
	// wake wakes the stream; it never blocks.
	wake func()
}

// nudge asks for progress if the client does not know of revision yet. Safe for
// concurrent use.
func (w *watcher) nudge(revision int64) {
	if w.known.Load() < revision && !w.nudged.Swap(true) {
		w.wake()
	}
}

// behind says that there is progress to tell the client. A watch that starts in
// the future has none until the store gets there.
func (w *watcher) behind() bool {
	return w.progress && w.synced && w.revision > w.known.Load() && w.revision >= w.start
}

// moved records how far the cursor has come.
func (w *watcher) moved(revision int64) {
	if revision > w.revision {
		w.revision = revision
		w.position.Store(revision)
	}
}

// learned records that the client now knows of revision.
func (w *watcher) learned(revision int64) {
	if revision > w.known.Load() {
		w.known.Store(revision)
	}
}

// wanted drops the events that the watch's filters exclude.
func (w *watcher) wanted(events []mvcc.Event) []mvcc.Event {
	if !w.noPut && !w.noDelete {
		return events
	}
	kept := make([]mvcc.Event, 0, len(events))
	for _, e := range events {
		if (e.Type == mvcc.EventPut && w.noPut) || (e.Type == mvcc.EventDelete && w.noDelete) {
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func (w *watcher) filter(filters []pb.WatchCreateRequest_FilterType) {
	for _, f := range filters {
		switch f {
		case pb.WatchCreateRequest_NOPUT:
			w.noPut = true
		case pb.WatchCreateRequest_NODELETE:
			w.noDelete = true
		}
	}
}

package etcdserver

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// noWatch is the id of answers that belong to no watch or to all.
const noWatch = -1

// What etcd says in CancelReason.
const (
	reasonEmptySpan   = "mvcc: watcher range is empty"
	reasonDuplicateID = "mvcc: duplicate watch ID provided on the WatchStream"
)

// watchStream is the state of one Watch stream. All of it belongs to the
// goroutine in run, but for the queues and progressRequested.
type watchStream struct {
	s     *Server
	store *mvcc.Store
	ctx   context.Context //nolint:containedctx // the life of the stream itself
	send  func(*pb.WatchResponse) error

	requests          chan *pb.WatchRequest
	progressRequested atomic.Bool
	wakeup            chan struct{}
	failed            <-chan error

	watchers map[int64]*watcher
	order    []*watcher // in order of creation
	nextID   int64

	timer *time.Timer
	// eager is when the pending progress is due; zero when none is pending.
	eager time.Time
	// period is when the periodic progress is due.
	period time.Time
}

// wake makes the stream take a turn. Safe for concurrent use, never blocks.
func (st *watchStream) wake() {
	select {
	case st.wakeup <- struct{}{}:
	default:
	}
}

func (st *watchStream) close() {
	for _, w := range st.order {
		st.forget(w)
	}
}

// forget takes w out of what the server knows.
func (st *watchStream) forget(w *watcher) {
	st.s.watchers.remove(w)
	if w.progress {
		st.s.nudges.remove(w)
	}
}

// handleQueued handles the requests that are waiting.
func (st *watchStream) handleQueued() error {
	for {
		select {
		case req := <-st.requests:
			if err := st.handle(req); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (st *watchStream) handle(req *pb.WatchRequest) error {
	if create := req.GetCreateRequest(); create != nil {
		return st.create(create)
	}
	if cancel := req.GetCancelRequest(); cancel != nil {
		return st.cancel(cancel.GetWatchId())
	}
	return nil // something of a newer protocol, or nothing
}

// create adds a watcher, or answers why not with an answer that is both
// created and canceled.
func (st *watchStream) create(r *pb.WatchCreateRequest) error {
	// Read once: the header of the answer must not run ahead of where a watch
	// "from now on" begins, since the client resumes from it.
	revision := st.store.Revision()
	var failed error
	if r.GetStartRevision() == 0 {
		var now int64
		if now, failed = st.store.Current(st.ctx); failed == nil {
			revision = now
		}
	}
	key := r.GetKey()
	if len(key) == 0 {
		key = []byte{0}
	}
	refuse := func(reason string) error {
		st.s.count(methodWatch, status.Error(refusal(failed), reason))
		return st.send(&pb.WatchResponse{
			Header: header(revision), WatchId: noWatch, Created: true, Canceled: true, CancelReason: reason,
		})
	}
	end := r.GetRangeEnd()
	fromKey := len(end) == 1 && end[0] == 0
	switch {
	case failed != nil:
		return refuse(st.s.explained(failed).Error())
	case r.GetStartRevision() < 0:
		return refuse(rpctypes.ErrCompacted.Error())
	case len(end) > 0 && !fromKey && bytes.Compare(key, end) >= 0:
		return refuse(reasonEmptySpan)
	}
	id := r.GetWatchId()
	if id == 0 { // the server chooses
		for st.watchers[st.nextID] != nil {
			st.nextID++
		}
		id = st.nextID
		st.nextID++
	} else if st.watchers[id] != nil {
		return refuse(reasonDuplicateID)
	}

	w := &watcher{
		id:       id,
		span:     mvcc.Span{Key: key, End: end},
		start:    r.GetStartRevision(),
		progress: r.GetProgressNotify(),
		prevKV:   r.GetPrevKv(),
		fragment: r.GetFragment(),
		quiet:    true,
		wake:     st.wake,
	}
	w.filter(r.GetFilters())
	first := w.start
	if first == 0 {
		first = revision + 1
		w.moved(revision)
	}
	st.s.count(methodWatch, nil)
	w.known.Store(first - 1)
	w.position.Store(first - 1)
	w.cursor = st.store.Watch(w.span, first)
	w.begun = st.store.Compacted()
	if err := st.send(&pb.WatchResponse{Header: header(revision), WatchId: id, Created: true}); err != nil {
		return err
	}
	st.watchers[id] = w
	st.order = append(st.order, w)
	st.s.watchers.add(w)
	if w.progress {
		st.s.nudges.add(w)
	}
	return nil
}

// refusal is the code under which a watch that could not begin is counted.
func refusal(failed error) codes.Code {
	if failed != nil {
		return status.Code(toStatus(failed, nil))
	}
	return codes.InvalidArgument
}

// cancel removes a watcher; an id that does not exist gets no answer.
func (st *watchStream) cancel(id int64) error {
	w := st.watchers[id]
	if w == nil {
		return nil
	}
	st.remove(w)
	delete(st.watchers, id)
	return st.send(&pb.WatchResponse{Header: header(st.store.Revision()), WatchId: id, Canceled: true})
}

// remove takes w out of the turns; its id stays taken.
func (st *watchStream) remove(w *watcher) {
	for i, o := range st.order {
		if o == w {
			st.order = append(st.order[:i:i], st.order[i+1:]...)
			break
		}
	}
	st.forget(w)
}

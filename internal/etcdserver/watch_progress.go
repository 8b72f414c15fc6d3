package etcdserver

import (
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// tellProgress sends the progress that is due: what the client asked for, what
// a reader waits for, what has been pending for long enough, and the periodic
// kind. It runs after poll, so events come first.
func (st *watchStream) tellProgress(asked bool) error {
	if asked {
		if err := st.answerProgress(); err != nil {
			return err
		}
	}
	now := time.Now()
	periodic := !now.Before(st.period)
	if periodic {
		st.period = now.Add(st.s.opts.ProgressInterval)
	}
	eager := !st.eager.IsZero() && !now.Before(st.eager)
	pending := false
	for _, w := range st.order {
		if !w.progress {
			continue
		}
		due := periodic && w.quiet && w.synced && w.revision >= w.start
		if periodic {
			w.quiet = true
		}
		if w.behind() {
			due = due || w.hurry || eager
			pending = pending || !due
		}
		if w.synced {
			w.hurry = false
		}
		if !due {
			continue
		}
		if err := st.sendProgress(w); err != nil {
			return err
		}
	}
	switch {
	case !pending || st.s.opts.EagerProgress < 0:
		st.eager = time.Time{}
	case st.eager.IsZero() || eager:
		st.eager = now.Add(st.s.opts.EagerProgress)
	}
	return nil
}

func (st *watchStream) sendProgress(w *watcher) error {
	st.s.counters.progress.Add(1)
	w.learned(w.revision)
	return st.send(&pb.WatchResponse{Header: header(w.revision), WatchId: w.id})
}

// answerProgress answers a progress request: one answer for all watchers of the
// stream if all have read everything. While one has not, the request stays open;
// while one starts in the future there is none, as in etcd.
func (st *watchStream) answerProgress() error {
	if len(st.order) == 0 {
		return nil
	}
	low, high := st.order[0].revision, int64(0)
	for _, w := range st.order {
		if !w.synced {
			st.progressRequested.Store(true)
			return nil
		}
		if w.revision < w.start {
			return nil
		}
		low = min(low, w.revision)
		high = max(high, w.known.Load())
	}
	if low < high {
		// The watchers were read at different revisions, and one has sent
		// events above what another has read. One answer for all would take
		// that one back.
		for _, w := range st.order {
			if err := st.sendProgress(w); err != nil {
				return err
			}
		}
		return nil
	}
	for _, w := range st.order {
		w.learned(low)
	}
	return st.send(&pb.WatchResponse{Header: header(low), WatchId: noWatch})
}

// nextDeadline is how long the stream may wait for a cause from outside.
func (st *watchStream) nextDeadline() time.Duration {
	next := st.period
	if !st.eager.IsZero() && st.eager.Before(next) {
		next = st.eager
	}
	for _, w := range st.order {
		if !w.retry.IsZero() && w.retry.Before(next) {
			next = w.retry
		}
	}
	return max(time.Until(next), 0)
}

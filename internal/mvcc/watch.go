package mvcc

import "context"

// Watcher is a cursor over the events of a span. It belongs to one goroutine and
// holds nothing that needs closing.
type Watcher struct {
	store *Store
	span  Span
	next  int64 // revision to look at next
	// begun is the compacted revision when the watch began.
	begun int64
}

// PollResult is a step of a Watcher.
type PollResult struct {
	// Events of whole revisions, in order.
	Events []Event
	// Revision: every event up to it has been returned, now or before. 0 for
	// a start in the future that the store has not reached.
	Revision int64
	// Synced says that there was nothing more.
	Synced bool
}

// Watch begins at revision start, which may lie in the future; 0 begins with the
// next one.
func (s *Store) Watch(span Span, start int64) *Watcher {
	if start <= 0 {
		start = s.Revision() + 1
	}
	return &Watcher{store: s, span: span, next: start, begun: s.Compacted()}
}

// Poll returns what there is, up to about maxBytes but at least one revision, and
// moves on. It does not wait for events. ErrCompacted ends the watch; after any
// other error, the engine's, the watcher is where it was before.
func (w *Watcher) Poll(ctx context.Context, maxBytes int) (PollResult, error) {
	s := w.store
	st := s.state.Load()
	if w.next < w.begun {
		return PollResult{}, ErrCompacted
	}
	// A compaction does not end a watch that is under way for being a little
	// behind: as long as memory holds what comes next, nothing is lost.
	if w.next < st.compacted && s.ring.get(max(w.next, 2)) == nil {
		return PollResult{}, ErrCompacted
	}
	var res PollResult
	bytes := 0
	take := func(c *Commit) error {
		for _, e := range c.Events {
			if w.span.Contains(e.KV.Key) {
				res.Events = append(res.Events, e)
				bytes += e.size()
			}
		}
		return nil
	}
	// Revision 1 is the empty store: it has no events and no row in the log.
	next, logged := max(w.next, 2), false
	for next <= st.Revision && bytes < maxBytes {
		if c := s.ring.get(next); c != nil {
			_ = take(c) // never fails
			next++
			continue
		}
		if !logged {
			s.counters.logReads.Add(1)
		}
		logged = true
		done, err := s.readLog(ctx, next-1, st.Revision, max(maxBytes-bytes, 1), take)
		if err != nil {
			if s.Compacted() > w.next {
				return PollResult{}, ErrCompacted
			}
			return PollResult{}, err
		}
		next = done + 1
	}
	// Rows may have been pruned while they were read from the log.
	if logged && s.Compacted() > w.next {
		return PollResult{}, ErrCompacted
	}
	w.next = next
	res.Synced = next > st.Revision
	if next-1 <= st.Revision {
		res.Revision = next - 1
	}
	return res, nil
}

package mvcc_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// watch is a watcher, and what it still has to deliver.
type watch struct {
	id      int
	r       *replica
	span    mvcc.Span
	watcher *mvcc.Watcher
	next    int64 // every event before this revision has been delivered
	polling bool
	ended   bool // compacted
}

func (wt *watch) String() string { return fmt.Sprintf("watch %d", wt.id) }

// watch begins to watch on a replica, at a revision that may be compacted or lie in the future.
func (w *simulation) watch(r *replica) {
	wt := &watch{id: w.watched, r: r, span: all}
	w.watched++
	if w.rnd.IntN(3) == 0 {
		wt.span = mvcc.Span{Key: []byte("k2"), End: []byte("k5")}
	}
	start := int64(0)
	wt.next = r.store.Revision() + 1
	if w.rnd.IntN(2) == 0 {
		start = w.old()
		wt.next = start
	}
	w.note("%s: %s begins at %d", r, wt, wt.next)
	wt.watcher = r.store.Watch(wt.span, start)
	w.watches = append(w.watches, wt)
}

// poll takes the next step of a watch.
func (w *simulation) poll(wt *watch) {
	wt.polling = true
	var res mvcc.PollResult
	maxBytes := 1 + w.rnd.IntN(2000)
	w.start(wt.r, fmt.Sprintf("poll of %s from %d", wt, wt.next), func(ctx context.Context) (err error) {
		res, err = wt.watcher.Poll(ctx, maxBytes)
		return err
	}, func(o *op) {
		wt.polling = false
		if w.succeeded(o, 0, wt.next) {
			w.delivered(o, wt, res)
		}
		wt.ended = o.err != nil && o.outcome == refused && wt.next < w.journal.compacted && errors.Is(o.err, mvcc.ErrCompacted)
	})
}

// delivered holds what a watch delivers against the journal.
func (w *simulation) delivered(o *op, wt *watch, res mvcc.PollResult) {
	last := res.Revision
	switch {
	case last > w.journal.revision:
		w.fail(3, "%s says that it has delivered revision %d, the database is at %d", o, last, w.journal.revision)
		return
	case last == 0 && (len(res.Events) > 0 || wt.next <= o.shown):
		w.fail(3, "%s has no progress", o)
	case last != 0 && last < wt.next-1:
		w.fail(3, "%s goes back to revision %d", o, last)
	case last == 0:
		last = wt.next - 1
	case res.Synced && last < o.shown:
		w.fail(3, "%s has nothing after revision %d, but %d had been returned", o, last, o.shown)
	case !res.Synced && last < wt.next:
		w.fail(3, "%s has more, and delivers nothing", o)
	}
	var want []mvcc.Event
	for rev := wt.next; rev <= last; rev++ {
		if c := w.journal.commits[rev]; c != nil {
			for _, ev := range c.Events {
				if wt.span.Contains(ev.KV.Key) {
					want = append(want, ev)
				}
			}
		}
	}
	if got, want := showEvents(res.Events), showEvents(want); got != want {
		w.fail(3, "%s delivers up to revision %d\n\t%s\nand should deliver\n\t%s", o, last, got, want)
	}
	wt.next = last + 1
}

package etcdserver

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// nudges lets a reader of a span's revision wake the watchers of that span.
//
// The API server learns how fresh its watch cache of a resource must be by
// reading the key "/registry/<resource>", and then waits for its watch of
// "/registry/<resource>/" to get there. So a read of K is a sure sign that
// progress of the watchers that begin at K or K+"/" is waited for.
//
// Every read of one key passes here: the look-up is one load and one map
// access, without a lock.
type nudges struct {
	mu sync.Mutex // serialises add and remove
	// watchers by the key that nudges them; copied on every change.
	watchers atomic.Pointer[map[string][]*watcher]
}

// read reports that key was read at revision.
func (n *nudges) read(key []byte, revision int64) {
	m := n.watchers.Load()
	if m == nil {
		return
	}
	for _, w := range (*m)[string(key)] {
		w.nudge(revision)
	}
}

func (n *nudges) add(w *watcher) {
	n.change(w, func(ws []*watcher) []*watcher { return append(slices.Clone(ws), w) })
}

func (n *nudges) remove(w *watcher) {
	n.change(w, func(ws []*watcher) []*watcher {
		return slices.DeleteFunc(slices.Clone(ws), func(o *watcher) bool { return o == w })
	})
}

func (n *nudges) change(w *watcher, f func([]*watcher) []*watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := make(map[string][]*watcher)
	if m := n.watchers.Load(); m != nil {
		for k, ws := range *m {
			next[k] = ws
		}
	}
	for _, k := range nudgeKeys(string(w.span.Key)) {
		if ws := f(next[k]); len(ws) > 0 {
			next[k] = ws
		} else {
			delete(next, k)
		}
	}
	n.watchers.Store(&next)
}

// nudgeKeys are the keys whose reading nudges a watcher that begins at start.
func nudgeKeys(start string) []string {
	if trimmed := strings.TrimSuffix(start, "/"); trimmed != start && trimmed != "" {
		return []string{start, trimmed}
	}
	return []string{start}
}

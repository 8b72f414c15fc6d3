package etcdserver

import (
	"slices"
	"strings"
	"sync"
)

// watcherSet is every watcher of a Server.
type watcherSet struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

func (ws *watcherSet) add(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[*watcher]struct{}{}
	}
	ws.all[w] = struct{}{}
}

func (ws *watcherSet) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
}

func (ws *watcherSet) stats() []WatcherStats {
	ws.mu.Lock()
	stats := make([]WatcherStats, 0, len(ws.all))
	for w := range ws.all {
		stats = append(stats, WatcherStats{
			Key: string(w.span.Key), End: string(w.span.End),
			Revision: w.position.Load(), Known: w.known.Load(), Progress: w.progress,
		})
	}
	ws.mu.Unlock()
	slices.SortFunc(stats, func(a, b WatcherStats) int { return strings.Compare(a.Key, b.Key) })
	return stats
}

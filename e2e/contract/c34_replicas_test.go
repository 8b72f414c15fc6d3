package contract

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// replicas: two servers on one database are one to their clients. Every write goes to the first,
// every read and watch to the second.
func replicas(t *testing.T, shared *server) {
	first := shared.own(t)
	second := first.replica(t)
	across := &server{system: first.system, config: first.config, http: first.http, etcd: first.etcd, reads: second}
	across.namespaces.Store(1000) // Names that the first has not used.
	for _, name := range []string{"C21_watch", "C22_selected", "C23_resume", "C24_bookmarks", "C25_initial", "C26_timeout"} {
		i := slices.IndexFunc(numbers(), func(n number) bool { return n.name == name })
		n := numbers()[i]
		t.Run(n.name, func(t *testing.T) { n.together(t, across) })
	}
	t.Run("both write", func(t *testing.T) { bothWrite(t, first, second) })
	t.Run("latency", func(t *testing.T) {
		const writes, most = 100, 100 * time.Millisecond
		p := across.place(t, kindNamed("Query"))
		w := p.watch(t, p.query("resourceVersion="+p.get(t, p.query()).version(t)))
		var took []time.Duration
		for i := range writes {
			o := p.create(t, fmt.Sprintf("q-%03d", i))
			written := time.Now()
			w.expect(t, "ADDED", o)
			took = append(took, time.Since(written))
		}
		slices.Sort(took)
		t.Logf("from the answer to a write until the other replica's watcher has it: median %s, 9 of 10 within %s", took[writes/2], took[writes*9/10])
		if took[writes/2] > most {
			t.Errorf("the median is %s, want at most %s", took[writes/2], most)
		}
	})
}

// bothWrite has both replicas write at once; watchers of both see the same events in the same
// order.
func bothWrite(t *testing.T, first, second *server) {
	p := first.place(t, kindNamed("Query"))
	other := p
	other.server = second
	start := p.get(t, p.query()).version(t)
	followers := []*follower{p.follow(t, start), other.follow(t, start)}
	stop := []func() []*writer{p.writers(t, 4, 0), other.writers(t, 4, 4)}
	time.Sleep(2 * time.Second)
	var all []*writer
	for _, s := range stop {
		all = append(all, s()...)
	}
	p.accounted(t, all)
	other.accounted(t, all)
	for i, where := range []place{p, other} {
		followers[i].saw(t, where)
	}
}

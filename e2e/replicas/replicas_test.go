package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// run is one attack on a cluster.
type run struct {
	replicas, writers int
	writes            int64 // of a short run
	troubles          []trouble
}

// TestReplicas checks that under every fault nothing is lost, duplicated, reordered or read stale
// (see the package documentation).
func TestReplicas(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			for _, tc := range []struct {
				name string
				run
			}{
				{"two in peace", run{2, 16, 15_000, nil}},
				{"three in peace", run{3, 64, 15_000, nil}},
				{"replicas in trouble", run{3, 32, 12_000, []trouble{killReplica, pauseReplica, cutConnections, loseDatabase, stallDatabase}}},
				{"the database in trouble", run{2, 32, 12_000, []trouble{holdSnapshot, restartDatabase, holdCounter, killDatabase}}},
			} {
				t.Run(tc.name, func(t *testing.T) { tc.run.attack(t, storage) })
			}
		})
	}
}

func (run run) attack(t *testing.T, storage string) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed=%d", seed)
	dice := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
	target := run.writes
	if *writesFlag > 0 {
		target = *writesFlag
	}
	limit := 4*time.Minute + time.Duration(target)*5*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()

	c := startCluster(t, storage, run.replicas)
	l := &load{target: target}
	for _, r := range c.replicas {
		l.clients = append(l.clients, r.client(t))
	}
	first := int64(0)
	for _, client := range l.clients {
		at, err := ready(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		first = max(first, at)
	}
	h := newHistory(first)
	var end atomic.Int64
	watching, watchCtx := errgroup.WithContext(ctx)
	var watchers []*watcher
	for i := range 2 * len(c.replicas) {
		w := &watcher{name: fmt.Sprintf("watcher %d at %s", i, c.replicas[i/2].name), client: c.replicas[i/2].client(t), revision: first, versions: map[string]int64{}}
		if i == 0 {
			w.history = h
		}
		w.progress.Store(first)
		watchers = append(watchers, w)
		watching.Go(func() error { return w.follow(watchCtx, &end) })
	}

	trouble, stopTrouble := context.WithCancel(ctx)
	defer stopTrouble()
	plague, _ := errgroup.WithContext(ctx)
	plague.Go(func() error { return c.plague(trouble, dice(1), run.troubles) })
	plague.Go(func() error { return compact(trouble, l.clients, watchers) })

	begin := time.Now()
	lease, err := l.clients[0].Grant(ctx, 3600)
	if err != nil {
		t.Fatal(err)
	}
	working, workCtx := errgroup.WithContext(watchCtx)
	var writers []*writer
	for i := range run.writers {
		w := &writer{load: l, id: i, rand: dice(uint64(100 + i)), lease: lease.ID}
		writers = append(writers, w)
		working.Go(func() error { return w.run(workCtx) })
	}
	var readers []*reader
	for i := range 2 {
		r := &reader{load: l, rand: dice(uint64(10 + i))}
		readers = append(readers, r)
		working.Go(func() error { return r.run(workCtx) })
	}
	failed := working.Wait()
	took := time.Since(begin)
	stopTrouble()
	if err := plague.Wait(); err != nil {
		t.Error(err)
	}
	if failed != nil {
		if err := watching.Wait(); err != nil {
			failed = err // the observation of a watcher explains more than the stop of the others
		}
		t.Fatal(failed)
	}
	// A last write ends the history.
	last, err := l.put(ctx, key(0), "the end")
	if err != nil {
		t.Fatal(err)
	}
	end.Store(last)
	if err := watching.Wait(); err != nil {
		t.Fatal(err)
	}
	failures := check(t, h, writers, readers, watchers)
	t.Logf("%d writes acknowledged in %s (%.0f/s), %d answers unknown; history of revisions %d to %d", l.written.Load(), took.Round(time.Millisecond),
		float64(l.written.Load())/took.Seconds(), failures, first, h.last)
}

// put writes one key at the first replica that accepts it.
func (l *load) put(ctx context.Context, key, value string) (int64, error) {
	for n := 0; ; n++ {
		try, cancel := context.WithTimeout(ctx, callTimeout)
		resp, err := l.clients[n%len(l.clients)].Put(try, key, fmt.Sprint(value, " ", n))
		cancel()
		if err == nil {
			return resp.Header.Revision, nil
		}
		if ctx.Err() != nil {
			return 0, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// check compares everything that clients received with the history.
func check(t *testing.T, h *history, writers []*writer, readers []*reader, watchers []*watcher) (unknowns int) {
	t.Helper()
	for _, w := range writers {
		unknowns += w.fails
		for _, c := range w.claims {
			if err := h.holds(c); err != nil {
				t.Errorf("writer %d: %v", w.id, err)
			}
		}
	}
	for _, r := range readers {
		for _, seen := range r.readings {
			if err := h.agrees(seen); err != nil {
				t.Error(err)
			}
		}
	}
	for _, w := range watchers {
		for i := range keys {
			if want := h.at(key(i), h.last); w.versions[key(i)] != want {
				t.Errorf("%s ends with %s of revision %d, the history has %d", w.name, key(i), w.versions[key(i)], want)
			}
		}
		if w.relists == 0 && w.events != watchers[0].events {
			t.Errorf("%s saw %d events of %d", w.name, w.events, watchers[0].events)
		}
	}
	for revision := h.first + 1; revision <= h.last; revision++ {
		if len(h.changes[revision]) == 0 {
			t.Errorf("revision %d is missing", revision)
		}
	}
	return unknowns
}

// compact compacts old revisions continuously, as API servers do, but none that the watcher which
// records the history still needs.
func compact(ctx context.Context, clients []*clientv3.Client, watchers []*watcher) error {
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		// It may fail like every other request.
		_, _ = clients[n%len(clients)].Compact(call, watchers[0].progress.Load()-500)
		cancel()
	}
}

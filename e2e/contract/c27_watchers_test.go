package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manyWatchers: a thousand watchers cost the storage what one does, and one that does not read
// costs the others nothing.
func manyWatchers(t *testing.T, s *server) {
	const watchers, perConnection, writes, noise = 1000, 100, 50, 80
	p := s.place(t, kindNamed("Query"))
	elsewhere := s.place(t, kindNamed("Query"))
	start := p.get(t, p.query()).version(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	// One watcher of all namespaces never reads: its connection fills up with what only it asked for.
	stalled := s.openWatch(t, ctx, request{client: s.client(t), path: p.groupPath() + "/queries?resourceVersion=" + start})
	defer stalled.Body.Close()
	for i := range noise {
		elsewhere.create(t, fmt.Sprintf("q-%03d", i), func(o object) { setField(o, strings.Repeat("x", 100_000), "spec", "input") })
	}
	var received atomic.Int64
	done := make(chan error, watchers)
	client := s.client(t)
	for i := range watchers {
		if i%perConnection == 0 {
			client = s.client(t)
		}
		response := s.openWatch(t, ctx, request{client: client, path: p.query("resourceVersion=" + start)})
		wg.Go(func() {
			defer response.Body.Close()
			decoder := json.NewDecoder(response.Body)
			for n := range writes {
				var e struct {
					Type   string
					Object struct{ Metadata struct{ Name string } }
				}
				if err := decoder.Decode(&e); err != nil {
					done <- fmt.Errorf("after %d events: %w", n, err)
					return
				}
				if want := fmt.Sprintf("q-%03d", n); e.Type != "ADDED" || e.Object.Metadata.Name != want {
					done <- fmt.Errorf("event %d is %s of %s, want %s", n, e.Type, e.Object.Metadata.Name, want)
					return
				}
				received.Add(1)
			}
			done <- nil
		})
	}
	before := s.cacheEvents(t)
	began := time.Now()
	for i := range writes {
		p.create(t, fmt.Sprintf("q-%03d", i))
	}
	wrote := time.Since(began)
	for range watchers {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatalf("after %s, %d of %d events have come", patience, received.Load(), watchers*writes)
		}
	}
	t.Logf("%d watchers, %d writes in %s, all delivered after %s", watchers, writes, wrote.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if read := s.cacheEvents(t) - before; read != writes && !s.system.reference { // CRDs have no such metric.
		t.Errorf("the server read %d changes of %d from its storage", read, writes)
	}
}

var cacheEvents = regexp.MustCompile(`(?m)^apiserver_watch_cache_events_received_total\{[^}]*resource="queries[^}]*\} (\S+)$`)

// cacheEvents is how many changes of queries the server has read from its storage, all its watches
// together.
func (s *server) cacheEvents(t *testing.T) int {
	t.Helper()
	a := s.self().do(t, request{method: "GET", path: "/metrics", accept: "text/plain"}).want(t, 200)
	found := cacheEvents.FindAllSubmatch(a.body, -1)
	if found == nil {
		t.Fatalf("no metric of the watch cache of queries")
	}
	total := 0
	for _, match := range found {
		n, err := strconv.ParseFloat(string(match[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		total += int(n)
	}
	return total
}

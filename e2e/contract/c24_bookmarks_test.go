package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// bookmarks: a bookmark says that everything up to it has been delivered, whatever the reader does.
func bookmarks(t *testing.T, s *server) {
	const readers, writes, size = 6, 300, 20_000
	p := s.place(t, kindNamed("Query"))
	start := p.get(t, p.query()).version(t)
	var mu sync.Mutex
	var written []uint64 // every write's resourceVersion, in order

	var wg sync.WaitGroup
	type seen struct {
		stalled bool
		events  []event
		err     error
	}
	results := make([]seen, readers)
	for i := range results {
		results[i].stalled = i%2 == 1
		// The server sends a bookmark 2 seconds before the watch ends.
		response := s.openWatch(t, t.Context(), request{client: s.client(t), path: p.query("allowWatchBookmarks=true", fmt.Sprintf("timeoutSeconds=%d", 4+i/2), "resourceVersion="+start)})
		wg.Go(func() {
			r := &results[i]
			defer response.Body.Close()
			decoder := json.NewDecoder(response.Body)
			for n := 0; ; n++ {
				if r.stalled && n == 5 {
					time.Sleep(1500 * time.Millisecond) // The socket fills up meanwhile.
				}
				e, err := readEvent(decoder)
				if err != nil {
					r.err = err
					return
				}
				r.events = append(r.events, e)
			}
		})
	}
	wg.Go(func() {
		o := p.sample("big", func(o object) { setField(o, strings.Repeat("x", size), "spec", "input") })
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		for n := 0; n < writes || ctx.Err() == nil && n < 10*writes; n++ {
			r := request{method: "PATCH", path: p.path("big") + "?fieldManager=tester", contentType: applyPatch, body: o}
			setLabel(o, "step", fmt.Sprint(n))
			a, err := s.try(t.Context(), r)
			if err != nil || a.code > 201 {
				t.Errorf("write %d: %d, %v", n, a.code, err)
				return
			}
			mu.Lock()
			written = append(written, asNumber(t, a.object(t).GetResourceVersion()))
			mu.Unlock()
			if n > writes {
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	wg.Wait()

	total := 0
	for i, r := range results {
		next := 0 // index in written of what must come next
		for _, e := range r.events {
			switch e.Type {
			case "BOOKMARK":
				total++
				at := asNumber(t, e.version())
				if next < len(written) && written[next] <= at {
					t.Errorf("reader %d (stalled: %t): a bookmark at %d overtakes the event of %d", i, r.stalled, at, written[next])
				}
				if e.Object["spec"] != nil && len(e.Object["spec"].(map[string]any)) > 0 {
					t.Errorf("a bookmark holds more than a resourceVersion: %v", e.Object)
				}
			case "ERROR":
				t.Logf("reader %d (stalled: %t) was turned away after %d events: %v", i, r.stalled, next, e.Object)
			default:
				if next >= len(written) || asNumber(t, e.version()) != written[next] {
					t.Fatalf("reader %d (stalled: %t): event %d is of %s", i, r.stalled, next, e)
				}
				next++
			}
		}
	}
	if total == 0 {
		t.Error("no bookmark came")
	}
}

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bookmarks: a bookmark says that everything up to it has been delivered, whatever the reader does.
// Readers, some of which stop reading so that their sockets fill up, follow an object that one
// writer changes all the time. The server may turn a slow reader away; it goes on where it was,
// which is the bookmark if that came last, and must find everything that was written after it.
func bookmarks(t *testing.T, s *server) {
	const readers, enough, size = 4, 2, 20_000
	p := s.place(t, kindNamed("Query"))
	start := p.get(t, p.query()).version(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	all := make([]*bookmarkReader, readers)
	var waiting atomic.Int32 // readers that want more bookmarks
	waiting.Store(readers)
	var wg sync.WaitGroup
	for i := range all {
		r := &bookmarkReader{stalls: i%2 == 1, client: s.client(t), path: p.query("allowWatchBookmarks=true"), at: start}
		all[i] = r
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := r.read(ctx, s, enough, func() { waiting.Add(-1) }); err != nil && ctx.Err() == nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
			}
		})
	}
	var written []uint64 // every write's resourceVersion, in order
	o := p.sample("big", func(o object) { setField(o, strings.Repeat("x", size), "spec", "input") })
	for n := 0; ctx.Err() == nil && waiting.Load() > 0; n++ {
		setLabel(o, "step", fmt.Sprint(n))
		a, err := s.try(t.Context(), request{method: "PATCH", path: p.path("big") + "?fieldManager=tester", contentType: applyPatch, body: o})
		if err != nil || a.code > 201 {
			t.Errorf("write %d: %d, %v", n, a.code, err)
			break
		}
		written = append(written, asNumber(t, a.object(t).GetResourceVersion()))
		if n%300 > 200 { // Bursts, and time for the readers to catch up.
			time.Sleep(20 * time.Millisecond)
		}
	}
	cancel()
	wg.Wait()

	for i, r := range all {
		next := 0 // index in written of what must come next
		for _, e := range r.events {
			at := asNumber(t, e.version())
			switch {
			case e.Type != "BOOKMARK":
				if next >= len(written) || at != written[next] {
					t.Fatalf("reader %d (stalls: %t): event %d is of %s", i, r.stalls, next, e)
				}
				next++
			case next < len(written) && written[next] <= at:
				t.Errorf("reader %d (stalls: %t): a bookmark at %d overtakes the event of %d", i, r.stalls, at, written[next])
			}
		}
		if r.bookmarks < enough {
			t.Errorf("reader %d (stalls: %t) got %d bookmarks beside %d of %d events and was turned away %d times", i, r.stalls, r.bookmarks, next, len(written), r.turnedAway)
		}
	}
}

// bookmarkReader reads one watch after another, each from where the last one ended.
type bookmarkReader struct {
	stalls bool
	client *http.Client
	path   string
	// at is the resourceVersion that the next watch begins after.
	at string
	// events are those of all watches, bookmarks among them.
	events                []event
	bookmarks, turnedAway int
}

// read reads one watch to its end, and calls done when it has had enough bookmarks in all. The
// server sends a bookmark 2 seconds before the end.
func (r *bookmarkReader) read(ctx context.Context, s *server, enough int, done func()) error {
	response, err := s.send(ctx, request{client: r.client, method: "GET", path: r.path + "&watch=true&timeoutSeconds=4&resourceVersion=" + r.at})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a watch from %s was answered %d", r.at, response.StatusCode)
	}
	decoder := json.NewDecoder(response.Body)
	for n := 0; ; n++ {
		if r.stalls && n == 5 {
			time.Sleep(1500 * time.Millisecond) // The socket fills up during the pause.
		}
		e, err := readEvent(decoder)
		if err != nil {
			return nil // The end, in order or not: what came until then counts.
		}
		if e.Type == "ERROR" {
			r.turnedAway++
			return nil
		}
		if e.Type == "BOOKMARK" {
			if spec, _ := e.Object["spec"].(map[string]any); len(spec) > 0 {
				return fmt.Errorf("a bookmark holds more than a resourceVersion: %v", e.Object)
			}
			if r.bookmarks++; r.bookmarks == enough {
				done()
			}
		}
		r.events, r.at = append(r.events, e), e.version()
	}
}

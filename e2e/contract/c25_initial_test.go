package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// initialEvents: a watch may begin with what is there.
func initialEvents(t *testing.T, p place) {
	const end = "k8s.io/initial-events-end"
	streaming := func(parameters ...string) string {
		return p.query(append(parameters, "sendInitialEvents=true", "resourceVersionMatch=NotOlderThan", "allowWatchBookmarks=true")...)
	}
	isEnd := func(e event) bool { return e.Type == "BOOKMARK" && e.object().GetAnnotations()[end] == "true" }

	empty := p.watch(t, streaming())
	if e := empty.next(t); !isEnd(e) {
		t.Errorf("an empty store: %s %v, want the annotated bookmark", e, e.object().GetAnnotations())
	}
	first := p.create(t, "b")
	empty.expect(t, "ADDED", first)
	second := p.create(t, "a")
	empty.expect(t, "ADDED", second)
	changed := p.label(t, "b", "x", "y")

	for name, path := range map[string]string{"no resourceVersion": p.query(), "resourceVersion=0": p.query("resourceVersion=0")} {
		w := p.watch(t, path)
		got := []string{w.next(t).String(), w.next(t).String()}
		slices.Sort(got)
		want := []string{event{"ADDED", second.Object}.String(), event{"ADDED", changed.Object}.String()}
		if name == "no resourceVersion" && !slices.Equal(got, want) {
			t.Errorf("a watch with %s begins with %q, want %q", name, got, want)
		}
		w.cancel()
	}
	for name, version := range map[string]string{"unset": "", "0": "resourceVersion=0", "the present": "resourceVersion=" + changed.GetResourceVersion()} {
		parameters := []string{}
		if version != "" {
			parameters = append(parameters, version)
		}
		w := p.watch(t, streaming(parameters...))
		var got []string
		for e := w.next(t); !isEnd(e); e = w.next(t) {
			got = append(got, e.Type+" "+p.short(e.object()))
		}
		if slices.Sort(got); !slices.Equal(got, []string{"ADDED a", "ADDED b"}) {
			t.Errorf("initial events with resourceVersion %s: %q", name, got)
		}
		w.expect(t, "MODIFIED", p.label(t, "b", "x", "z"+name[:1]))
		w.cancel()
	}
	p.get(t, p.query("watch=true", "sendInitialEvents=true")).refused(t, 422, "Invalid", "resourceVersionMatch")
}

// initialEventsSlowly: a slow reader gets all of them, and the bookmark after them.
func initialEventsSlowly(t *testing.T, s *server) {
	p := s.place(t, kindNamed("Query"))
	const objects, size = 200, 50_000
	for i := range objects {
		p.create(t, fmt.Sprintf("q-%03d", i), func(o object) { setField(o, strings.Repeat("x", size), "spec", "input") })
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := s.openWatch(t, ctx, request{client: s.client(t), path: p.query("sendInitialEvents=true", "resourceVersionMatch=NotOlderThan", "allowWatchBookmarks=true")})
	defer response.Body.Close()
	time.Sleep(time.Second)
	decoder := json.NewDecoder(slowly{response.Body})
	for i := 0; ; i++ {
		e, err := readEvent(decoder)
		if err != nil {
			t.Fatalf("after %d events: %v", i, err)
		}
		if e.Type == "BOOKMARK" {
			if i != objects || e.object().GetAnnotations()["k8s.io/initial-events-end"] != "true" {
				t.Errorf("bookmark %v after %d of %d objects", e.object().GetAnnotations(), i, objects)
			}
			return
		}
	}
}

// slowly reads 10 MB a second.
type slowly struct{ io.Reader }

func (s slowly) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Reader.Read(b[:min(len(b), 10_000)])
}

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// own starts a further server of the same system, for a test that stops it or what is beneath it.
func (s *server) own(t *testing.T) *server {
	t.Helper()
	return s.system.start(t, s.system, t.TempDir())
}

// writer creates objects without end in a goroutine of its own and notes down what was
// acknowledged.
type writer struct {
	acknowledged map[string]string // name to resourceVersion
	tried        map[string]bool
	failed       int
}

// writers are several, on connections of their own, until stop is called; their objects are named
// after numbers from first on.
func (p place) writers(t *testing.T, n, first int) (stop func() []*writer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	all := make([]*writer, n)
	for i := range all {
		w := &writer{acknowledged: map[string]string{}, tried: map[string]bool{}}
		all[i] = w
		client := p.client(t)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				o := p.sample(fmt.Sprintf("w-%02d-%05d", first+i, n))
				w.tried[o.GetName()] = true
				// The request itself is not broken off, so that its answer counts.
				a, err := p.try(context.WithoutCancel(ctx), request{method: "POST", path: p.collection(), body: o, client: client})
				if err != nil || a.code != http.StatusCreated {
					w.failed++
					if err == nil && a.code < 500 && a.code != http.StatusTooManyRequests {
						t.Errorf("create %s: %d: %s", o.GetName(), a.code, excerpt(a.body))
						return
					}
					continue
				}
				w.acknowledged[o.GetName()] = a.object(t).GetResourceVersion()
			}
		})
	}
	return func() []*writer {
		cancel()
		wg.Wait()
		return all
	}
}

// accounted compares what is there with what writers were told: all that was acknowledged, as it
// was, and nothing that nobody wrote.
func (p place) accounted(t *testing.T, all []*writer) {
	t.Helper()
	there := map[string]string{}
	for _, o := range p.list(t) {
		there[o.GetName()] = o.GetResourceVersion()
	}
	acknowledged, failed := 0, 0
	for _, w := range all {
		failed += w.failed
		for name, version := range w.acknowledged {
			acknowledged++
			if there[name] != version {
				t.Errorf("%s was acknowledged at %s and is there at %q", name, version, there[name])
			}
		}
		for name := range w.tried {
			delete(there, name)
		}
	}
	for name := range there {
		t.Errorf("%s is there, and nobody wrote it", name)
	}
	t.Logf("%d writes acknowledged, %d failed", acknowledged, failed)
	if acknowledged == 0 {
		t.Error("no write was acknowledged")
	}
}

// follower watches from a resourceVersion on, resumes when the stream ends, and notes down every
// event.
type follower struct {
	mu     sync.Mutex
	events []string
	faults []string
	stop   func()
}

func (p place) follow(t *testing.T, from string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{}
	var wg sync.WaitGroup
	f.stop = func() {
		cancel()
		wg.Wait()
	}
	client := p.client(t)
	wg.Go(func() {
		for ctx.Err() == nil {
			from = f.once(ctx, p, client, from)
		}
	})
	return f
}

// once follows one stream to its end and returns where to resume.
func (f *follower) once(ctx context.Context, p place, client *http.Client, from string) string {
	response, err := p.send(ctx, request{method: "GET", path: p.query("watch=true", "resourceVersion="+from), client: client})
	if err != nil {
		return from
	}
	defer response.Body.Close()
	if response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
		return from
	}
	if response.StatusCode != http.StatusOK {
		f.fault(fmt.Sprintf("a watch from %s: %d", from, response.StatusCode))
		return from
	}
	decoder := json.NewDecoder(response.Body)
	for {
		e, err := readEvent(decoder)
		if err != nil {
			return from
		}
		if e.Type == "ERROR" {
			code, _ := e.Object["code"].(int64)
			if code < 500 && code != http.StatusTooManyRequests {
				f.fault(fmt.Sprintf("a watch from %s ended with %v", from, e.Object))
			}
			return from
		}
		from = e.version()
		f.mu.Lock()
		f.events = append(f.events, e.object().GetName()+"@"+from)
		f.mu.Unlock()
	}
}

func (f *follower) fault(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.faults, text) {
		f.faults = append(f.faults, text)
	}
}

// saw waits until the events are exactly the objects that are there, each once, in the order of
// their resourceVersions.
func (f *follower) saw(t *testing.T, p place) {
	t.Helper()
	objects := p.list(t)
	slices.SortFunc(objects, func(a, b object) int {
		return int(asNumber(t, a.GetResourceVersion())) - int(asNumber(t, b.GetResourceVersion()))
	})
	var want []string
	for _, o := range objects {
		want = append(want, o.GetName()+"@"+o.GetResourceVersion())
	}
	var got []string
	eventually(t, "the watcher has seen every object", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		got = slices.Clone(f.events)
		return len(got) >= len(want)
	})
	f.stop()
	for _, fault := range f.faults {
		t.Error(fault)
	}
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("event %d of %d is %s, want %s", i, len(got), got[i], want[i])
			}
		}
		t.Fatalf("%d events of %d objects", len(got), len(want))
	}
}

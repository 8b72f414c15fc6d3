package contract

import (
	"sync"
	"testing"
	"time"
)

// connectionsCut: whatever the server was doing when its connections to the database broke, nobody
// is told anything wrong.
func connectionsCut(t *testing.T, shared *server) {
	const cuts, readers, between = 20, 4, 150 * time.Millisecond
	s := shared.own(t)
	p := s.place(t, kindNamed("Query"))
	start := p.get(t, p.query()).version(t)
	f := p.follow(t, start)
	defer f.stop()
	stopWriters := p.writers(t, 8, 0)

	// Readers: a list never gets shorter, since nothing is deleted, and its revision never goes back.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range readers {
		client := s.client(t)
		wg.Go(func() {
			most, latest := 0, uint64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := s.try(t.Context(), request{method: "GET", path: p.query(), client: client})
				if err != nil || a.code >= 500 || a.code == 429 {
					continue
				}
				if a.code != 200 {
					t.Errorf("list: %d: %s", a.code, excerpt(a.body))
					return
				}
				n, version := len(a.items(t)), asNumber(t, a.version(t))
				if n < most || version < latest {
					t.Errorf("a list of %d at %d follows one of %d at %d", n, version, most, latest)
				}
				most, latest = n, version
			}
		})
	}
	broken := 0
	for range cuts {
		time.Sleep(between)
		broken += s.link.cut()
	}
	time.Sleep(time.Second)
	all := stopWriters()
	close(stop)
	wg.Wait()
	t.Logf("%d connections were cut", broken)
	if broken == 0 {
		t.Error("no connection was cut: the server does not use the link")
	}
	eventually(t, "the server answers again", func() bool { return s.get(t, p.query()).code == 200 })
	p.accounted(t, all)
	f.saw(t, p)
}

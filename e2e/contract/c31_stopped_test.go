package contract

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// databaseStopped: without its database the server says that it cannot, and nothing else.
func databaseStopped(t *testing.T, shared *server) {
	const objects, soon = 25, 20 * time.Second
	s := shared.own(t)
	p := s.place(t, kindNamed("Query"))
	for i := range objects {
		p.create(t, fmt.Sprintf("q-%02d", i))
	}
	f := p.follow(t, "0")
	defer f.stop()
	eventually(t, "the watch has begun", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.events) == objects })
	live := func() {
		t.Helper()
		if a := s.self().get(t, "/livez"); a.code != 200 {
			t.Errorf("livez is %d without a database: %s", a.code, excerpt(a.body))
		}
	}
	s.database.Kill()
	began := time.Now()
	for time.Since(began) < 8*time.Second {
		var wg sync.WaitGroup
		for what, r := range map[string]request{
			"get":    {method: "GET", path: p.path("q-01")},
			"list":   {method: "GET", path: p.query()},
			"pages":  {method: "GET", path: p.query("limit=10")},
			"create": {method: "POST", path: p.collection(), body: p.sample("new")},
			"patch":  {method: "PATCH", path: p.path("q-02"), contentType: mergePatch, body: `{"metadata":{"labels":{"a":"b"}}}`},
			"delete": {method: "DELETE", path: p.path("q-03")},
		} {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), soon)
				defer cancel()
				a, err := s.try(ctx, r)
				if err != nil {
					t.Errorf("%s: no answer within %s: %v", what, soon, err)
				} else if a.code < 500 && a.code != 429 {
					t.Errorf("%s without a database: %d: %s", what, a.code, excerpt(a.body))
				}
			})
		}
		wg.Wait()
		live()
	}
	if a := s.self().get(t, "/readyz"); a.code < 500 {
		t.Errorf("readyz is %d without a database", a.code)
	}
	s.database.Start(t)
	eventually(t, "the server is ready again", func() bool { return s.self().get(t, "/readyz").code == 200 })
	eventually(t, "it answers again", func() bool { return s.get(t, p.query()).code == 200 })
	if got := len(p.list(t)); got != objects {
		t.Errorf("%d objects are back, want %d", got, objects)
	}
	eventually(t, "it takes writes again", func() bool {
		a := p.post(t, p.sample("back"))
		return a.code == 201 || a.code == 409
	})
	f.saw(t, p)
	live()
}

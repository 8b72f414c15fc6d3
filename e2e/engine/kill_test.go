package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// TestKillInFlight kills a server with 200 queries in flight, on SQLite. After the restart each
// query ends once: with the right answer, or, if a call had begun that must not be repeated, with
// an error that says so.
func TestKillInFlight(t *testing.T) {
	const each = 50
	sorts := []string{plain, plain, get, post1}
	world := newOutside(t)
	world.hold = make(chan struct{})
	port, err := component.FreePort() // the same after the kill
	if err != nil {
		t.Fatal(err)
	}
	options := component.ArkOptions{Dir: t.TempDir(), Port: port, Args: []string{"--engine=embedded", "--engine-concurrency=256", "--engine-allowed-addresses=127.0.0.1/32"}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := component.StartArk(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Kill() })
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	world.furnish(ctx, t, client)
	ends := watchEnds(ctx, t, func() *rest.RESTClient { return client })
	for i := range each {
		for j, sort := range sorts {
			post(ctx, t, client, "queries", questionOf(sort, fmt.Sprintf("%s-%d-%d", sort, j, i)), "Query")
		}
	}
	inFlight := each * len(sorts)
	asked := func() (n int) {
		for question := range world.asked {
			if strings.Contains(question, "-") {
				n++
			}
		}
		return n
	}
	world.await(ctx, t, "model", asked, inFlight)
	world.await(ctx, t, "tools", func() int { return len(world.called) }, 2*each)
	for _, q := range list(ctx, t, client) {
		if q.Status.Phase != "running" {
			t.Fatalf("%s is %s before the kill", q.Metadata.Name, q.Status.Phase)
		}
	}

	server.Kill()
	close(world.hold)
	killed := time.Now()
	if server, err = component.StartArk(ctx, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	got := ends.await(ctx, t, inFlight)
	t.Logf("all had ended %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	after := list(ctx, t, client)
	if len(after) != inFlight {
		t.Errorf("%d queries, want %d", len(after), inFlight)
	}
	interrupted := 0
	for _, q := range after {
		name := q.Metadata.Name
		if n := got[q.Metadata.UID]; n != 1 {
			t.Errorf("%s has ended %d times", name, n)
		}
		if world.check(t, q) {
			interrupted++
		}
		times, called := world.counts(name)
		sort, _, _ := strings.Cut(name, "-")
		// The model was asked, then again; with a tool that may be called again, once more for the
		// answer.
		if want := map[string][2]int{plain: {2, 0}, get: {3, 2}, post1: {1, 1}}[sort]; times != want[0] || called != want[1] {
			t.Errorf("%s: the model was asked %d times and the tool called %d times, want %v", name, times, called, want)
		}
	}
	if interrupted != each {
		t.Errorf("%d queries ended because of a call that must not be repeated, want %d", interrupted, each)
	}
}

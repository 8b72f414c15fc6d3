package standalone

import (
	"context"
	"testing"
	"time"
)

// leads has somebody want the lease until stopped, and sends the name when it has it.
func (r *running) leads(t *testing.T, name string, terms chan<- string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := lead(ctx, r.core, name, func(ctx context.Context) {
			select {
			case terms <- name:
				<-ctx.Done()
			case <-ctx.Done():
			}
		})
		if err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// TestLeaseMoves: the controllers run on one server at a time, and on another when the first one is
// gone.
func TestLeaseMoves(t *testing.T) {
	r := start(t, t.TempDir())
	terms := make(chan string)
	stopFirst := r.leads(t, "first", terms)
	if got := <-terms; got != "first" {
		t.Fatalf("%s leads", got)
	}
	r.leads(t, "second", terms)
	stopFirst()
	began := time.Now()
	select {
	case got := <-terms:
		if got != "second" {
			t.Errorf("%s leads", got)
		}
		t.Logf("the lease moved after %s", time.Since(began))
	case <-time.After(time.Minute):
		t.Error("the lease does not move")
	}
}

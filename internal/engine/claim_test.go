package engine

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// holding blocks requests of the engine: those that write a status, or those that watch.
type holding struct {
	next    http.RoundTripper
	holds   func(*http.Request) bool
	release chan struct{}
}

func (h holding) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.holds(r) {
		select {
		case <-h.release:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return h.next.RoundTrip(r)
}

func isClaim(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/status") && strings.Contains(r.URL.Path, "/queries/")
}

func isWatch(r *http.Request) bool {
	return r.URL.Query().Get("watch") != "" && strings.HasSuffix(r.URL.Path, "/queries")
}

// held returns options for an engine whose requests block until release is called.
func (w *world) held(holds func(*http.Request) bool) (tune func(*Options), release func()) {
	w.t.Helper()
	config, err := w.server.InProcess.Config(&user.DefaultInfo{Name: User})
	if err != nil {
		w.t.Fatal(err)
	}
	gate := make(chan struct{})
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return holding{next, holds, gate} })
	client, err := objects.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return func(o *Options) { o.Client = client }, func() { close(gate) }
}

// The model is called while the claim is being written, and its answer is passed on; the end is
// written after the claim.
func TestAskedBesideTheClaim(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	tune, release := w.held(isClaim)
	sink := newHeard()
	w.start(Limits{}, tune, func(o *Options) { o.Sink = sink })
	w.ask("q", toPlain, "")
	w.awaitModel(1)
	if q := w.query("default", "q"); phaseOf(q) != v1alpha1.QueryPending {
		t.Errorf("before the claim is stored the phase is %s", phaseOf(q))
	}
	release()
	if q := w.awaitEnd("q"); phaseOf(q) != v1alpha1.QueryDone || *q.Status.Response.Content != "Fine." || q.Annotations[annotationEngine] == "" {
		t.Errorf("got %+v", q)
	}
	<-sink.changed
	if sink.ended["q"] != nil || w.model.Count() != 1 {
		t.Errorf("the stream ended with %v, and the model was asked %d times", sink.ended["q"], w.model.Count())
	}
}

// An engine that shares its database calls no model before its claim is stored, because another
// engine may have the query. The same is true for a query whose messages a memory keeps.
func TestAskedAfterTheClaim(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	var claims atomic.Int32
	tune, release := w.held(func(r *http.Request) bool {
		if isClaim(r) {
			claims.Add(1)
		}
		return isClaim(r)
	})
	w.start(Limits{}, tune, func(o *Options) { o.Shared = true })
	w.ask("q", toPlain, "")
	w.await("default", "q", "about to be claimed", func(*v1alpha1.Query) bool { return claims.Load() > 0 })
	if n := w.model.Count(); n != 0 {
		t.Errorf("the model was asked %d times before the claim", n)
	}
	release()
	w.awaitEnd("q")
}

// A lost claim stops the run that was started concurrently with it: the other writer's status is
// kept.
func TestLostBesideTheClaim(t *testing.T) {
	for _, answers := range []bool{true, false} {
		w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "mine", Hang: !answers} })
		tune, release := w.held(isClaim)
		sink := newHeard()
		w.start(Limits{}, tune, func(o *Options) { o.Sink = sink })
		w.ask("q", toPlain, "")
		w.awaitModel(1)
		q := w.query("default", "q")
		done, text := v1alpha1.QueryDone, "from outside"
		q.Status.Phase, q.Status.Response = &done, &v1alpha1.QueryResponse{Content: &text}
		if err := w.admin.UpdateStatus(w.ctx, "queries", q); err != nil {
			t.Fatal(err)
		}
		release()
		<-sink.changed
		if sink.ended["q"] == nil {
			t.Error("the stream ended as if the query were the engine's")
		}
		if q := w.query("default", "q"); *q.Status.Response.Content != text || q.Annotations[annotationEngine] != "" {
			t.Errorf("got %+v", q)
		}
	}
}

// A side effect that must not be repeated waits until the claim is stored.
func TestEffectAfterTheClaim(t *testing.T) {
	var called atomic.Int32
	tool := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	t.Cleanup(tool.Close)
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		if r.Messages[len(r.Messages)-1].Role == "tool" {
			return scripted.Answer{Text: "called"}
		}
		return call("once", `{}`)
	})
	w.apply(toolOf("once", `{type: http, http: {url: "`+tool.URL+`/once", method: POST}}`) + agentOf("careful", `{tools: [{type: http, name: once}]}`))
	tune, release := w.held(isClaim)
	stop := w.start(Limits{}, tune)
	w.ask("q", `{type: agent, name: careful}`, "")
	w.awaitModel(1)
	stop() // the claim is not stored, so no tool may have been called
	if called.Load() != 0 || phaseOf(w.query("default", "q")) != v1alpha1.QueryPending {
		t.Fatalf("the tool was called %d times; the query is %s", called.Load(), phaseOf(w.query("default", "q")))
	}
	release()
	w.start(Limits{})
	if q := w.awaitEnd("q"); phaseOf(q) != v1alpha1.QueryDone || called.Load() != 1 {
		t.Errorf("the tool was called %d times: %s", called.Load(), reasonOf(q))
	}
}

// A query that is canceled before its claim is stored ends as canceled, even if its model has
// answered.
func TestCanceledBesideTheClaim(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	tune, release := w.held(isClaim)
	w.start(Limits{}, tune)
	w.ask("q", toPlain, "")
	w.awaitModel(1)
	w.patch("q", `{"cancel":true}`)
	release()
	if q := w.awaitEnd("q"); phaseOf(q) != v1alpha1.QueryCanceled {
		t.Errorf("the query is %s", phaseOf(q))
	}
}

// A query that is offered runs once, without the watch: neither the watch nor a late offer runs it
// again.
func TestOffer(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	tune, release := w.held(isWatch)
	w.start(Limits{}, tune)
	w.await("default", "none", "listed", func(*v1alpha1.Query) bool {
		w.engine.following.Lock()
		defer w.engine.following.Unlock()
		return w.engine.followed > 0
	})
	w.ask("q", toPlain, "")
	made := w.query("default", "q")
	w.engine.Offer(w.ctx, made)
	w.awaitEnd("q")
	w.engine.Offer(w.ctx, made)
	release()
	w.ask("next", toPlain, "")
	w.awaitEnd("next") // the watch has shown all of q before
	w.engine.Offer(w.ctx, made)
	w.ask("last", toPlain, "")
	w.awaitEnd("last")
	if n := w.model.Count(); n != 3 {
		t.Errorf("the model was asked %d times for 3 queries", n)
	}
}

package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// newDefault returns a world with the common objects in the namespace default.
func newDefault(t *testing.T, script func(scripted.Request) scripted.Answer) *world {
	t.Helper()
	w := newWorld(t, script)
	tools := toolServer(t)
	w.apply(strings.NewReplacer("{{model}}", w.url, "{{tool}}", tools).Replace(commonObjects))
	return w
}

func (w *world) ask(name, target, more string) {
	w.t.Helper()
	w.apply(fmt.Sprintf(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: %s}
spec: {input: "nonce %s", target: %s%s}`, name, name, target, more))
}

// patch changes the spec of a Query.
func (w *world) patch(name, spec string) {
	w.t.Helper()
	err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace("default").Resource("queries").Name(name).
		Body([]byte(`{"spec":` + spec + `}`)).Do(w.ctx).Error()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(name string) {
	w.t.Helper()
	if err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Delete().Namespace("default").Resource("queries").Name(name).Do(w.ctx).Error(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) awaitModel(calls int) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); w.model.Count() < calls; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("the model was called %d times, not %d", w.model.Count(), calls)
		}
	}
}

func reasonOf(q *v1alpha1.Query) string {
	for _, c := range q.Status.Conditions {
		if c.Type == completed {
			return c.Reason + ": " + *c.Message
		}
	}
	return ""
}

func hang(scripted.Request) scripted.Answer { return scripted.Answer{Hang: true} }

// A cancel ends a query in every phase except after its end.
func TestCancel(t *testing.T) {
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		if strings.Contains(r.Last(), "done") {
			return scripted.Answer{Text: "ok"}
		}
		return scripted.Answer{Hang: true}
	})
	w.start(Limits{Total: 1})
	w.ask("done", toPlain, "")
	w.awaitEnd("done")
	w.patch("done", `{"cancel":true}`)
	w.ask("running", toPlain, "")
	w.awaitModel(2)
	w.ask("queued", toPlain, "")
	w.awaitPhase("queued", v1alpha1.QueryQueued)
	w.patch("queued", `{"cancel":true}`)
	w.patch("running", `{"cancel":true}`)
	for name, want := range map[string]v1alpha1.QueryPhase{"running": v1alpha1.QueryCanceled, "queued": v1alpha1.QueryCanceled, "done": v1alpha1.QueryDone} {
		q := w.awaitEnd(name)
		if phaseOf(q) != want {
			t.Errorf("%s has the phase %s", name, phaseOf(q))
		}
		if want == v1alpha1.QueryCanceled && (!strings.HasPrefix(reasonOf(q), reasonCanceled) || q.Status.Response != nil) {
			t.Errorf("%s: %s, response %v", name, reasonOf(q), q.Status.Response)
		}
	}
	if n := w.model.Count(); n != 2 {
		t.Errorf("the model was asked %d times", n)
	}
}

// No more queries run than the limit allows, those that wait report it in their status, and each
// gets its own answer.
func TestLimits(t *testing.T) {
	var running, most atomic.Int32
	release := make(chan struct{})
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		return scripted.Answer{Text: r.Last()}
	})
	w.start(Limits{Total: 8, PerNamespace: 4, PerModel: 3})
	const all = 30
	for i := range all {
		w.ask(fmt.Sprintf("q%d", i), toPlain, "")
	}
	w.awaitModel(3)
	w.awaitPhase(fmt.Sprintf("q%d", all-1), v1alpha1.QueryQueued)
	close(release)
	for i := range all {
		q := w.awaitEnd(fmt.Sprintf("q%d", i))
		if want := fmt.Sprintf("nonce q%d", i); phaseOf(q) != v1alpha1.QueryDone || *q.Status.Response.Content != want {
			t.Errorf("q%d: %s, %v", i, phaseOf(q), *q.Status.Response.Content)
		}
	}
	if most.Load() != 3 || w.model.Count() != all {
		t.Errorf("%d calls at a time, %d in all", most.Load(), w.model.Count())
	}
}

// The next process runs a query again that the previous one left running, unless a call had begun
// that must not be repeated.
func TestRestart(t *testing.T) {
	var second atomic.Bool
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		if strings.Contains(r.Messages[1].Text(), "effect") && len(r.Messages) == 2 {
			return call("once", `{}`)
		}
		if second.Load() {
			return scripted.Answer{Text: "again"}
		}
		return scripted.Answer{Hang: true}
	})
	w.apply(strings.ReplaceAll(toolOf("once", `{type: http, http: {url: "{{tool}}/once", method: POST}}`), "{{tool}}", toolServer(t)) +
		agentOf("careful", `{tools: [{type: http, name: once}]}`))
	stop := w.start(Limits{})
	w.ask("plain", toPlain, "")
	w.ask("effect", `{type: agent, name: careful}`, "")
	w.ask("tools", toTooled, "")
	w.awaitModel(4)
	for _, name := range []string{"plain", "effect", "tools"} {
		w.awaitPhase(name, v1alpha1.QueryRunning)
	}
	stop()
	for _, name := range []string{"plain", "effect", "tools"} {
		if q := w.query("default", name); phaseOf(q) != v1alpha1.QueryRunning {
			t.Errorf("after the end, %s is %s", name, phaseOf(q))
		}
	}
	second.Store(true)
	w.start(Limits{})
	for _, name := range []string{"plain", "tools"} {
		if q := w.awaitEnd(name); phaseOf(q) != v1alpha1.QueryDone || *q.Status.Response.Content != "again" {
			t.Errorf("%s: %s", name, reasonOf(q))
		}
	}
	if q := w.awaitEnd("effect"); phaseOf(q) != v1alpha1.QueryError || !strings.Contains(reasonOf(q), "the tool 'once': a call that must not be repeated") {
		t.Errorf("effect: %s", reasonOf(q))
	}
	if n := w.model.Count(); n != 6 {
		t.Errorf("the model was asked %d times, not 6", n)
	}
}

// newRunning returns a world where the query q hangs and keeps others waiting.
func newRunning(t *testing.T) (*world, *v1alpha1.Query) {
	t.Helper()
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Hang: r.Last() == "nonce q", Text: "ok"}
	})
	w.start(Limits{Total: 1})
	w.ask("q", toPlain, "")
	w.awaitModel(1)
	return w, w.awaitPhase("q", v1alpha1.QueryRunning)
}

// The end of a query that another client has written is not overwritten.
func TestForeignStatus(t *testing.T) {
	w, q := newRunning(t)
	done, text := v1alpha1.QueryDone, "from outside"
	q.Status.Phase, q.Status.Response = &done, &v1alpha1.QueryResponse{Content: &text}
	if err := w.admin.UpdateStatus(w.ctx, "queries", q); err != nil {
		t.Fatal(err)
	}
	w.ask("next", toPlain, "") // its slot is free once the engine has stopped the first
	w.awaitEnd("next")
	if q := w.query("default", "q"); phaseOf(q) != done || *q.Status.Response.Content != text {
		t.Errorf("got %+v", q.Status)
	}
}

// A query that is deleted while it runs disappears, including its finalizer.
func TestDeleteWhileRunning(t *testing.T) {
	w, q := newRunning(t)
	q.Finalizers = []string{finalizer}
	if err := w.admin.Update(w.ctx, "queries", q); err != nil {
		t.Fatal(err)
	}
	w.delete("q")
	w.await("default", "q", "gone", func(q *v1alpha1.Query) bool { return q == nil })
	w.ask("next", toPlain, "") // the slot is free
	if q := w.awaitEnd("next"); !strings.HasPrefix(reasonOf(q), reasonSucceeded) {
		t.Errorf("the next: %s", reasonOf(q))
	}
}

func TestTimedOutInQueue(t *testing.T) {
	w := newDefault(t, hang)
	w.start(Limits{Total: 1})
	w.ask("first", toPlain, "")
	w.awaitModel(1)
	w.ask("late", toPlain, ", timeout: 1s")
	q := w.awaitEnd("late")
	if !strings.HasPrefix(reasonOf(q), reasonInQueue) || *q.Status.Response.Content != "query timed out in the queue after 1s" {
		t.Errorf("got %s, %+v", reasonOf(q), q.Status.Response)
	}
}

func TestTTL(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "ok"} })
	w.ask("before", toPlain, ", ttl: 1s")
	stop := w.start(Limits{})
	w.ask("kept", toPlain, "")
	w.await("default", "before", "gone", func(q *v1alpha1.Query) bool { return q == nil })
	if q := w.awaitEnd("kept"); *q.Spec.TTL != "720h0m0s" {
		t.Errorf("the TTL is %s", *q.Spec.TTL)
	}
	stop()
	w.patch("kept", `{"ttl":"1s"}`) // while no engine runs
	w.start(Limits{})
	w.await("default", "kept", "gone", func(q *v1alpha1.Query) bool { return q == nil })
}

// The deletion of a Secret takes effect from the next call.
func TestSecretDeleted(t *testing.T) {
	var w *world
	w = newDefault(t, func(r scripted.Request) scripted.Answer {
		if err := w.admin.Core.CoreV1().Secrets("default").Delete(w.ctx, "keys", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		return call("noop", `{}`)
	})
	w.start(Limits{})
	w.ask("q", toTooled, "")
	q := w.awaitEnd("q")
	if phaseOf(q) != v1alpha1.QueryError || !strings.Contains(reasonOf(q), "read secret 'keys' in namespace 'default'") {
		t.Errorf("got %s", reasonOf(q))
	}
}

// A query runs with the rights of its service account, and no others.
func TestServiceAccount(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "ok"} })
	w.start(Limits{})
	w.ask("q", toPlain, ", serviceAccount: robot")
	q := w.awaitEnd("q")
	if phaseOf(q) != v1alpha1.QueryError || !strings.Contains(reasonOf(q), "system:serviceaccount:default:robot") {
		t.Errorf("got %s", reasonOf(q))
	}
	if w.model.Count() != 0 {
		t.Error("the model was asked")
	}
}

// The versions of the objects that a query ran with are in its annotations.
func TestVersions(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "ok"} })
	w.start(Limits{})
	w.ask("q", toTooled, "")
	q := w.awaitEnd("q")
	agent := &v1alpha1.Agent{}
	if err := w.admin.Get(w.ctx, "agents", "default", "tooled", agent); err != nil {
		t.Fatal(err)
	}
	got := q.Annotations[annotationVersions]
	for _, want := range []string{`"agents/default/tooled":"` + agent.ResourceVersion + `"`, `"models/default/default":"`, `"tools/default/lookup":"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

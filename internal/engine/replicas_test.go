package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// Two engines on one database share the queries, and each query runs once. When one engine stops,
// the other takes over the queries that it left running.
func TestReplicas(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	hold := true
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Last()]++
		return scripted.Answer{Text: "The answer to " + r.Last(), Hang: hold && strings.Contains(r.Last(), "held")}
	})
	times := func(name string) int {
		mu.Lock()
		defer mu.Unlock()
		return asked["nonce "+name]
	}
	stop := map[string]func(){}
	for _, name := range []string{"A", "B"} {
		stop[name] = w.start(Limits{}, func(o *Options) { o.Shared, o.Identity, o.deadAfter = true, name, time.Hour })
	}
	leases := w.admin.Core.CoordinationV1().Leases(defaultLeaseNamespace)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		list, err := leases.List(w.ctx, metav1.ListOptions{LabelSelector: leaseLabel})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are %d leases", len(list.Items))
		}
	}
	const all = 40
	for i := range all {
		w.ask(fmt.Sprintf("q%d", i), toPlain, "")
	}
	for i := range all {
		name := fmt.Sprintf("q%d", i)
		q := w.awaitEnd(name)
		if got, want := *q.Status.Response.Content, "The answer to nonce "+name; got != want {
			t.Errorf("%s: got %q", name, got)
		}
		if n := times(name); n != 1 {
			t.Errorf("%s was asked %d times", name, n)
		}
	}

	const held = 8
	for i := range held {
		w.ask(fmt.Sprintf("held%d", i), toPlain, "")
	}
	w.awaitModel(all + held)
	ran := map[string]string{}
	for i := range held {
		name := fmt.Sprintf("held%d", i)
		ran[name] = w.query("default", name).Annotations[annotationEngine]
	}
	mu.Lock()
	hold = false
	mu.Unlock()
	stop["A"]()
	for name, engine := range ran {
		if engine == "B" {
			w.patch(name, `{"cancel":true}`) // the model does not answer
			w.awaitPhase(name, v1alpha1.QueryCanceled)
			continue
		}
		q := w.awaitPhase(name, v1alpha1.QueryDone)
		if got, n := q.Annotations[annotationEngine], times(name); engine != "A" || got != "B" || n != 2 {
			t.Errorf("%s was begun by %q and ended by %q, and the model was asked %d times", name, engine, got, n)
		}
	}
}

// An engine that loses a claim records which engine has the query, so that it takes the query over
// when that engine ends.
func TestLostClaim(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	w.ask("q", toPlain, "")
	seen := w.query("default", "q")
	theirs := seen.DeepCopy()
	running := v1alpha1.QueryRunning
	theirs.Annotations, theirs.Status.Phase = map[string]string{annotationEngine: "A"}, &running
	if err := w.client.UpdateStatus(w.ctx, "queries", theirs); err != nil {
		t.Fatal(err)
	}
	e := New(Options{Client: w.client, Identity: "B", Shared: true})
	e.replicas.alive = []string{"A", "B"}
	e.queue.add(seen)
	it, _ := e.queue.next()
	e.take(w.ctx, it)
	if f, known := e.replicas.theirs[seen.UID]; !known || f.query.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("the engine knows %v", e.replicas.theirs)
	}
	if w.model.Count() != 0 {
		t.Errorf("the model was asked %d times", w.model.Count())
	}
}

// The engines take turns without communication, and each gets about as many queries.
func TestTurns(t *testing.T) {
	views := map[string]*replicas{}
	alive := []string{"a", "b", "c"}
	for _, id := range alive {
		views[id] = newReplicas(nil, id)
		views[id].alive = alive
	}
	turns := map[string]int{}
	for i := range 3000 {
		uid := types.UID(fmt.Sprintf("7f3c2f0a-0000-4000-8000-%012d", i))
		got := views["a"].turn(uid)
		for _, id := range alive {
			if other := views[id].turn(uid); other != got {
				t.Fatalf("%s: %s says %s, a says %s", uid, id, other, got)
			}
		}
		turns[got]++
	}
	for _, id := range alive {
		if n := turns[id]; n < 850 || n > 1150 {
			t.Errorf("%s has %d of 3000: %v", id, n, turns)
		}
	}
}

// An engine that could not read the Leases for a while does not consider another engine dead by
// what it reads then, because the others could not renew either. An engine that does not renew
// after that is dead.
func TestBlindReplica(t *testing.T) {
	w := newWorld(t, nil)
	const dead = time.Second
	views := map[string]*replicas{}
	for _, name := range []string{"A", "B"} {
		r := New(Options{Client: w.client, Identity: name, Shared: true, deadAfter: dead}).replicas
		if err := r.renew(w.ctx); err != nil {
			t.Fatal(err)
		}
		views[name] = r
	}
	a := views["A"]
	look := func() string {
		t.Helper()
		if err := a.look(w.ctx); err != nil {
			t.Fatal(err)
		}
		return strings.Join(a.alive, " ")
	}
	if got := look(); got != "A B" {
		t.Fatalf("alive at first: %s", got)
	}
	time.Sleep(dead + dead/10)
	if got := look(); got != "A B" {
		t.Errorf("alive when the Leases can be read again: %s", got)
	}
	again := time.Now()
	for got := "A B"; got != "A"; got = look() {
		if time.Since(again) > patience {
			t.Fatalf("alive: %s", got)
		}
		time.Sleep(dead / 20)
	}
	if after := time.Since(again); after < dead {
		t.Errorf("B was taken for dead after %s", after)
	}
}

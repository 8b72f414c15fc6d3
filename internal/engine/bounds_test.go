package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// A thousand Queries of two namespaces with a limit of 8: each is answered once, at most 8 run at a
// time, and each namespace gets half of the slots while both have Queries waiting.
func TestBacklog(t *testing.T) {
	const each, limit = 500, 8
	var mu sync.Mutex
	asked := map[string]int{}
	var order []string
	running, most := 0, 0
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		mu.Lock()
		asked[r.Last()]++
		order = append(order, r.Last())
		running++
		most = max(most, running)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		running--
		mu.Unlock()
		return scripted.Answer{Text: "You said " + r.Last()}
	})
	w.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}")
	w.apply(strings.NewReplacer("{{model}}", w.url, "{{tool}}", w.url, "metadata: {", "metadata: {namespace: other, ").Replace(commonObjects))
	namespaces := []string{"default", "other"}
	for i := range each {
		for _, namespace := range namespaces {
			w.apply(fmt.Sprintf(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q%d, namespace: %s}
spec: {input: "%s %d", target: {type: model, name: default}}`, i, namespace, namespace, i))
		}
	}
	w.start(Limits{Total: limit})
	for i := range each {
		for _, namespace := range namespaces {
			q := w.await(namespace, fmt.Sprint("q", i), "at its end", func(q *v1alpha1.Query) bool { return terminal(phaseOf(q)) })
			nonce := fmt.Sprintf("%s %d", namespace, i)
			mu.Lock()
			if phaseOf(q) != v1alpha1.QueryDone || *q.Status.Response.Content != "You said "+nonce || asked[nonce] != 1 {
				t.Errorf("%s is %s after %d calls of the model: %s", nonce, phaseOf(q), asked[nonce], *q.Status.Response.Content)
			}
			mu.Unlock()
		}
	}
	if most > limit {
		t.Errorf("%d ran at a time", most)
	}
	shares := map[string]int{}
	for _, said := range order[:each] {
		namespace, _, _ := strings.Cut(said, " ")
		shares[namespace]++
	}
	if d := shares["default"] - shares["other"]; d > each/10 || -d > each/10 {
		t.Errorf("the shares of the first half are %v", shares)
	}
}

// A Query that would never end is ended with a reason.
func TestEndless(t *testing.T) {
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		if len(r.Tools) > 0 {
			return call("noop", `{}`)
		}
		return scripted.Answer{Text: "x"}
	})
	w.apply(team(`{strategy: sequential, loops: true, maxTurns: 100000, `+both+`}`) + agentOf("busy", `{tools: [{type: builtin, name: noop}]}`))
	w.start(Limits{})
	w.ask("team", toTeam, "")
	w.ask("agent", `{type: agent, name: busy}`, "")
	for name, reason := range map[string]string{"team": "turns without an end", "agent": "called its model 1000 times without an end"} {
		if q := w.awaitEnd(name); phaseOf(q) != v1alpha1.QueryError || !strings.Contains(reasonOf(q), reason) {
			t.Errorf("%s: got %s: %s", name, phaseOf(q), reasonOf(q))
		}
	}
	if n := w.model.Count(); n > 2010 {
		t.Errorf("the model was called %d times", n)
	}
}

// The output of a template is bounded, even if its input is small.
func TestLargeTemplate(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "x"} })
	w.start(Limits{})
	w.apply(asking(strings.Repeat("{{.x}}", 50), toPlain, `, parameters: [{name: x, value: "`+strings.Repeat("x", 100_000)+`"}]`))
	if q := w.awaitEnd("q"); phaseOf(q) != v1alpha1.QueryError || w.model.Count() != 0 {
		t.Errorf("got %s: %s", phaseOf(q), reasonOf(q))
	}
}

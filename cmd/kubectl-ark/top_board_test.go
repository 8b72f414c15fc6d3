package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// endedQuery returns a Query of an agent that ended some time ago.
func endedQuery(name, agent string, phase v1alpha1.QueryPhase, ago, took time.Duration, tokens int64) *v1alpha1.Query {
	duration, failure := v1alpha1.Duration(took.String()), "no answer\x1b[2J"
	q := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(time.Now().Add(-ago)),
		Annotations: map[string]string{annotationVersions: fmt.Sprintf(`{"agents/default/%s":"1","models/default/big":"2"}`, agent)},
	}}
	q.Spec.Target = &v1alpha1.QueryTarget{Type: v1alpha1.QueryTargetAgent, Name: agent}
	q.Status = &v1alpha1.QueryStatus{Phase: &phase, Duration: &duration, TokenUsage: &v1alpha1.TokenUsage{TotalTokens: &tokens}, Response: &v1alpha1.QueryResponse{Content: &failure}}
	q.Status.Conditions = []v1alpha1.Condition{{Type: "Completed", LastTransitionTime: metav1.NewTime(time.Now().Add(-ago))}}
	return q
}

func TestBoard(t *testing.T) {
	b := newBoard(10*time.Second, "agent")
	for i := range 20 {
		b.put(endedQuery(fmt.Sprintf("a%02d", i), "anna", v1alpha1.QueryDone, 2*time.Second, time.Duration(i+1)*time.Millisecond, 5))
	}
	b.put(endedQuery("e1", "emil", v1alpha1.QueryError, 3*time.Second, time.Second, 0))
	b.put(endedQuery("old", "anna", v1alpha1.QueryDone, time.Hour, time.Minute, 1000))
	running := endedQuery("r1", "anna", v1alpha1.QueryRunning, 4*time.Second, 0, 0)
	b.put(running)

	s := b.snapshot(time.Now())
	if got, want := fmt.Sprint(s.Phases), "map[done:21 error:1 running:1]"; got != want {
		t.Errorf("phases: %s, want %s", got, want)
	}
	if s.Queries != 2.1 || s.Tokens != 10 {
		t.Errorf("%g queries/s and %g tokens/s, want 2.1 and 10", s.Queries, s.Tokens)
	}
	if got, want := fmt.Sprint(s.Groups), "[{anna 20 0 100 10 19} {emil 1 1 0 1000 1000}]"; got != want {
		t.Errorf("groups: %s, want %s", got, want)
	}
	if len(s.Slowest) != shown || s.Slowest[0].Name != "e1" || s.Slowest[1].Name != "a19" {
		t.Errorf("slowest: %v", s.Slowest)
	}
	if len(s.Errors) != 1 || strings.Contains(s.Errors[0].Error, "\x1b") {
		t.Errorf("errors: %v", s.Errors)
	}
	if len(s.Longest) != 1 || s.Longest[0].Name != "r1" {
		t.Errorf("not ended: %v", s.Longest)
	}

	// The same Query again, at its end: it counts once.
	b.put(endedQuery("r1", "anna", v1alpha1.QueryDone, 0, time.Millisecond, 1))
	b.put(endedQuery("r1", "anna", v1alpha1.QueryDone, 0, time.Millisecond, 1))
	b.remove("a00")
	if s := b.snapshot(time.Now()); len(s.Longest) != 0 || s.Queries != 2.2 || s.Phases["done"] != 21 {
		t.Errorf("after the end of r1 and the deletion of a00: %+v", s)
	}
	if s := b.snapshot(time.Now().Add(time.Minute)); s.Queries != 0 || len(b.ended) != 0 {
		t.Errorf("after a minute: %+v", s)
	}
	if by := newBoard(time.Minute, "model"); true {
		by.put(endedQuery("a", "anna", v1alpha1.QueryDone, 0, 0, 0))
		if got := by.snapshot(time.Now()).Groups; len(got) != 1 || got[0].Name != "big" {
			t.Errorf("by model: %v", got)
		}
	}
}

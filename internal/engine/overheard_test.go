package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// overheard is a Sink that keeps a line for each chunk, by namespace: the table has one Query in
// each.
type overheard struct {
	mu    sync.Mutex
	lines map[string][]string
	ended map[string]int
}

type overhearing struct {
	to        *overheard
	namespace string
}

func (o *overheard) Open(q *v1alpha1.Query) Stream { return overhearing{o, q.Namespace} }

func (o overhearing) Chunk(c Chunk) {
	o.to.mu.Lock()
	defer o.to.mu.Unlock()
	o.to.lines[o.namespace] = append(o.to.lines[o.namespace], lineOf(c))
}

func (o overhearing) End(why error) {
	o.to.mu.Lock()
	defer o.to.mu.Unlock()
	end := "end"
	if why != nil {
		end = "end: " + why.Error()
	}
	o.to.lines[o.namespace] = append(o.to.lines[o.namespace], end)
	o.to.ended[o.namespace]++
}

// of returns the lines of a Query that has run the given number of times.
func (o *overheard) of(t testing.TB, namespace string, runs int) []string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		o.mu.Lock()
		lines, ended := slices.Clone(o.lines[namespace]), o.ended[namespace]
		o.mu.Unlock()
		if ended >= runs {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("the stream of %s has not ended: %v", namespace, lines)
		}
	}
}

// lineOf returns a chunk in readable form.
func lineOf(c Chunk) string {
	var s said
	var more struct {
		Type   string          `json:"type"`
		Calls  json.RawMessage `json:"toolCalls"`
		Action string          `json:"action"`
		Agent  string          `json:"agentName"`
		Ark    struct {
			System string `json:"systemMessage"`
		} `json:"ark"`
		Choices []struct {
			Finish *string `json:"finish_reason"`
		} `json:"choices"`
	}
	if json.Unmarshal(c.Data, &s) != nil || json.Unmarshal(c.Data, &more) != nil {
		return "no JSON: " + string(c.Data)
	}
	switch {
	case more.Type == "tool_approval_request":
		return fmt.Sprintf("%s by %s: %s", more.Type, more.Agent, more.Calls)
	case more.Type != "":
		return more.Type + " " + more.Action
	case more.Ark.System != "":
		return "system: " + more.Ark.System
	}
	out := s.brief(c)
	if out == "text" {
		out = fmt.Sprintf("%q", s.Choices[0].Delta.Content)
	}
	if s.Ark.Agent != "" {
		out += " by " + s.Ark.Agent
	}
	if s.Ark.Team != "" {
		out += " in " + s.Ark.Team
	}
	if len(more.Choices) == 1 && more.Choices[0].Finish != nil && *more.Choices[0].Finish != "" {
		out += " (" + *more.Choices[0].Finish + ")"
	}
	return out
}

// events returns the reasons of the Events of a Query that has ended, in order of creation.
func (w *world) events(namespace string) string {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		list, err := w.admin.Core.CoreV1().Events(namespace).List(w.ctx, metav1.ListOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		slices.SortFunc(list.Items, func(a, b corev1.Event) int { return strings.Compare(a.Name, b.Name) })
		var reasons []string
		over := false
		for _, e := range list.Items {
			reason := e.Reason
			if e.Count > 1 {
				reason += fmt.Sprintf(" x%d", e.Count)
			}
			reasons = append(reasons, reason)
			over = over || strings.HasPrefix(e.Reason, "QueryExecution") && e.Reason != "QueryExecutionStart"
		}
		if over {
			return strings.Join(reasons, ", ")
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the Events of %s do not end: %v", namespace, reasons)
		}
	}
}

// decisions are the decisions on the approvals of executions, in order; "" lets the approval time
// out.
var decisions = map[string][]string{}

// shownTask returns the A2ATask of an approval in readable form.
func (w *world) shownTask(q *v1alpha1.Query) string {
	w.t.Helper()
	task := w.task(q)
	m := task.Status.ProtocolMetadata
	return fmt.Sprintf("approval: %s, calls %s, timeout %q, then %s", taskPhase(task), m["toolCalls"], m["timeout"], m["onTimeout"])
}

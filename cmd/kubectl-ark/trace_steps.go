package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// step is an operation of an execution.
type step struct {
	Operation string    `json:"operation"`
	Subject   string    `json:"subject,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Depth     int       `json:"depth"`
	Started   time.Time `json:"started"`
	OffsetMS  int64     `json:"offsetMilliseconds"`
	// DurationMS is -1 for a step that has not ended, or that has no end event.
	DurationMS int64  `json:"durationMilliseconds"`
	Times      int32  `json:"times"` // how often its event occurred
	Error      string `json:"error,omitempty"`
}

// subjects lists the fields that name the subject of an operation, the most specific first.
var subjects = []string{"toolName", "memberName", "model", "agent", "teamName", "team", "tool"}

// depths maps operations to their nesting depth.
var depths = map[string]int{"QueryExecution": 0, "TeamExecution": 1, "TeamMember": 2, "TeamTurn": 2, "AgentExecution": 3, "LLMCall": 4, "ToolCall": 4}

// stepsOf pairs the begin and end events of operations, and orders the steps by time.
func stepsOf(events []corev1.Event) []step {
	var out []step
	ends := map[string][]corev1.Event{}
	for _, e := range events {
		data, err := dataOf(e)
		if err != nil {
			continue
		}
		if operation, found := strings.CutSuffix(e.Reason, "Start"); found {
			started, _ := time.Parse(time.RFC3339Nano, data["timestamp"])
			if started.IsZero() {
				started = e.FirstTimestamp.Time
			}
			out = append(out, step{
				Operation: operation, Subject: subject(data), Detail: data["parameters"], Depth: depths[operation], Started: started.UTC(),
				DurationMS: -1, Times: max(e.Count, 1),
			})
			continue
		}
		for _, outcome := range []string{"Complete", "Error"} {
			if operation, found := strings.CutSuffix(e.Reason, outcome); found {
				ends[operation+" "+subject(data)] = append(ends[operation+" "+subject(data)], e)
			}
		}
	}
	flatten(out)
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Or(a.Started.Compare(b.Started), a.Depth-b.Depth) })
	for i := range out {
		s := &out[i]
		s.OffsetMS = s.Started.Sub(out[0].Started).Milliseconds()
		s.end(ends)
	}
	return out
}

// flatten removes nesting levels that no step has, such as the level of a team if an agent was
// asked.
func flatten(steps []step) {
	used := map[int]bool{}
	for _, s := range steps {
		used[s.Depth] = true
	}
	for i := range steps {
		depth := 0
		for level := range used {
			if level < steps[i].Depth {
				depth++
			}
		}
		steps[i].Depth = depth
	}
}

// end removes the first end event after the begin of the step from ends.
func (s *step) end(ends map[string][]corev1.Event) {
	key := s.Operation + " " + s.Subject
	best, when := -1, time.Time{}
	for i, e := range ends[key] {
		data, _ := dataOf(e) // the first call succeeded
		at, err := time.Parse(time.RFC3339Nano, data["timestamp"])
		if err == nil && !at.Before(s.Started) && (best < 0 || at.Before(when)) {
			best, when = i, at
		}
	}
	if best < 0 {
		return
	}
	s.DurationMS = when.Sub(s.Started).Milliseconds()
	if strings.HasSuffix(ends[key][best].Reason, "Error") {
		s.Error = ends[key][best].Message
	}
	ends[key] = slices.Delete(ends[key], best, best+1)
}

func subject(data map[string]string) string {
	for _, field := range subjects {
		if data[field] != "" {
			return data[field]
		}
	}
	return ""
}

// operations maps operations to human-readable names.
var operations = map[string]string{
	"QueryExecution": "query", "TeamExecution": "team", "TeamMember": "member", "TeamTurn": "turn", "AgentExecution": "agent", "LLMCall": "model", "ToolCall": "tool",
}

func (a *app) stepLine(s step) string {
	name := operations[s.Operation]
	if name == "" {
		name = oneLine(s.Operation, 60)
	}
	took := "…"
	if s.DurationMS >= 0 {
		took = (time.Duration(s.DurationMS) * time.Millisecond).String()
	}
	line := fmt.Sprintf("  %8s %8s  %s%s %s", "+"+(time.Duration(s.OffsetMS)*time.Millisecond).String(), took, strings.Repeat("  ", s.Depth), name, oneLine(s.Subject, 253))
	if s.Times > 1 {
		line += fmt.Sprintf(" (%d times)", s.Times)
	}
	if s.Detail != "" {
		line += " " + a.colour(dim, oneLine(s.Detail, 200))
	}
	if s.Error != "" {
		line += " " + a.colour(red, oneLine(s.Error, 300))
	}
	return line + "\n"
}

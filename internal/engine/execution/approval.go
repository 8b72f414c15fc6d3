package execution

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// Decision is the outcome of an approval.
type Decision string

// The decisions.
const (
	Approved Decision = "approved"
	Rejected Decision = "rejected"
	TimedOut Decision = "timeout"
)

// The texts that the model receives for calls that were not approved.
const (
	textRejected = "The call was rejected by the user."
	textTimedOut = "The call was rejected, because nobody approved it in time."
)

// Pending ends a run that needs a person's approval. Resume continues the run.
type Pending struct {
	// Agent is the name of the agent that requests the calls, and Calls are those that need the
	// approval.
	Agent string
	Calls []provider.ToolCall
	// Timeout is how long to wait, "" for no limit, and OnTimeout is what happens then: reject or
	// proceed.
	Timeout   string
	OnTimeout v1alpha1.ApprovalTimeoutAction
}

// Error implements error.
func (p *Pending) Error() string {
	names := make([]string, len(p.Calls))
	for i, c := range p.Calls {
		names[i] = "'" + c.Name + "'"
	}
	return "a person has to approve the call of " + strings.Join(names, ", ")
}

// approval selects the calls of a tool that a person has to approve.
type approval struct {
	required bool
	// matchers select calls by their arguments; none selects all.
	matchers  []matcher
	timeout   string
	onTimeout v1alpha1.ApprovalTimeoutAction
}

// matcher matches an argument. A pattern that cannot be parsed matches everything.
type matcher struct {
	argument string
	pattern  *regexp.Regexp
}

// newApproval combines the requirements of the agent and the tool: either one is enough. The
// agent's timeout has precedence.
func newApproval(agent, tool *v1alpha1.ToolApproval) approval {
	out := approval{onTimeout: v1alpha1.ApprovalReject}
	every := false
	for _, a := range []*v1alpha1.ToolApproval{tool, agent} {
		if !requiresApproval(a) {
			continue
		}
		out.required = true
		every = every || len(a.ArgumentMatches) == 0
		for _, m := range a.ArgumentMatches {
			pattern, err := regexp.Compile(deref(m.Pattern))
			if err != nil {
				every = true
			}
			out.matchers = append(out.matchers, matcher{deref(m.Argument), pattern})
		}
		if a.Timeout != nil {
			if d, err := a.Timeout.Parse(); err == nil && d > 0 {
				out.timeout = d.String()
			}
		}
		if a.OnTimeout != nil {
			out.onTimeout = *a.OnTimeout
		}
	}
	if every {
		out.matchers = nil
	}
	return out
}

// holds reports whether a call needs approval.
func (a approval) holds(call provider.ToolCall) bool {
	if !a.required {
		return false
	}
	if len(a.matchers) == 0 {
		return true
	}
	var arguments map[string]any
	if strings.TrimSpace(call.Arguments) != "" && json.Unmarshal([]byte(call.Arguments), &arguments) != nil {
		return true
	}
	return slices.ContainsFunc(a.matchers, func(m matcher) bool {
		value, there := arguments[m.argument]
		return there && m.pattern.MatchString(printed(value))
	})
}

// printed returns an argument as a string.
func printed(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any, []any:
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(value)
}

// verdict is the outcome of the approval of a turn.
type verdict struct {
	held     []provider.ToolCall
	decision Decision
}

// of returns the outcome for one call: "" for a call that needs no approval.
func (v verdict) of(call provider.ToolCall) Decision {
	if slices.Contains(v.held, call) {
		return v.decision
	}
	return ""
}

// refusal returns the text that the model receives for a call that was not approved.
func (d Decision) refusal() string {
	switch d {
	case Rejected:
		return textRejected
	case TimedOut:
		return textTimedOut
	default:
		return ""
	}
}

// approve returns the verdict on the calls of a turn, none of which has run, or a *Pending if there
// is none yet. The timeout of the first tool applies to all of them.
func (r *Run) approve(agent string, calls []provider.ToolCall, of func(name string) *tool) (verdict, error) {
	var v verdict
	pending := &Pending{Agent: agent}
	for _, call := range calls {
		t := of(call.Name)
		if t == nil || !t.approval.holds(call) {
			continue
		}
		if len(v.held) == 0 {
			pending.Timeout, pending.OnTimeout = t.approval.timeout, t.approval.onTimeout
		}
		v.held = append(v.held, call)
	}
	if len(v.held) == 0 {
		return v, nil
	}
	ids := make([]string, len(v.held))
	for i, c := range v.held {
		ids[i] = c.ID
	}
	key := "approval " + agent + " " + strings.Join(ids, ",")
	step, known, err := r.replay(key)
	if err != nil {
		return v, err
	}
	if !known {
		pending.Calls, r.journal.waits = v.held, key
		return v, pending
	}
	v.decision = step.Decision
	return v, nil
}

func requiresApproval(a *v1alpha1.ToolApproval) bool {
	return a != nil && a.Required != nil && *a.Required
}

func isPending(err error) bool {
	var pending *Pending
	return errors.As(err, &pending)
}

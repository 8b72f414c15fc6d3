package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

const completed = "Completed"

// Reasons of the condition Completed.
const (
	reasonNotStarted  = "QueryNotStarted"
	reasonRunning     = "QueryRunning"
	reasonSucceeded   = "QuerySucceeded"
	reasonErrored     = "QueryErrored"
	reasonCanceled    = "QueryCanceled"
	reasonInQueue     = "TimedOutInQueue"
	reasonInExecution = "TimedOutInExecution"
)

// maxMessage is the longest message of a condition.
const maxMessage = 32768

// defaultTimeout is for Queries that were stored without one.
const defaultTimeout = 30 * time.Minute

func phaseOf(q *v1alpha1.Query) v1alpha1.QueryPhase {
	if q.Status == nil || q.Status.Phase == nil {
		return ""
	}
	return *q.Status.Phase
}

func terminal(p v1alpha1.QueryPhase) bool {
	return p == v1alpha1.QueryDone || p == v1alpha1.QueryError || p == v1alpha1.QueryCanceled
}

func isCanceled(q *v1alpha1.Query) bool { return q.Spec.Cancel != nil && *q.Spec.Cancel }

func timeoutOf(q *v1alpha1.Query) time.Duration {
	if q.Spec.Timeout != nil {
		if d, err := q.Spec.Timeout.Parse(); err == nil && d > 0 {
			return d
		}
	}
	return defaultTimeout
}

// queueDeadline returns until when a Query may wait in the queue. Its creation time has a
// resolution of seconds.
func queueDeadline(q *v1alpha1.Query) time.Time {
	return q.CreationTimestamp.Add(timeoutOf(q) + time.Second)
}

// setPhase changes the phase and the condition Completed.
func setPhase(q *v1alpha1.Query, s *v1alpha1.QueryStatus, phase v1alpha1.QueryPhase, reason, message string) {
	status := v1alpha1.ConditionFalse
	if terminal(phase) {
		status = v1alpha1.ConditionTrue
	}
	s.Phase = &phase
	setCondition(q, s, completed, status, reason, message)
}

func setCondition(q *v1alpha1.Query, s *v1alpha1.QueryStatus, kind string, status v1alpha1.ConditionStatus, reason, message string) {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
	}
	generation := q.Generation
	c := v1alpha1.Condition{
		Type: kind, Status: status, Reason: reason, Message: &message, ObservedGeneration: &generation,
		LastTransitionTime: metav1.Now(),
	}
	for i, old := range s.Conditions {
		if old.Type == kind {
			if old.Status == status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			s.Conditions[i] = c
			return
		}
	}
	s.Conditions = append(s.Conditions, c)
}

// outcome is the result of a run.
type outcome struct {
	result execution.Result
	err    error // nil for an answer
	took   time.Duration
	target *v1alpha1.QueryTarget
	talk   *conversation // nil if the run has not reached it
}

// apply writes an outcome to a status.
func (o outcome) apply(q *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
	o.talk.apply(q, s)
	if errors.Is(o.err, errCanceled) {
		setPhase(q, s, v1alpha1.QueryCanceled, reasonCanceled, "Query was canceled")
		return nil
	}
	if u := o.result.Usage; u.Total > 0 {
		s.TokenUsage = &v1alpha1.TokenUsage{PromptTokens: &u.Prompt, CompletionTokens: &u.Completion, TotalTokens: &u.Total}
		if u.Cached > 0 {
			s.TokenUsage.CachedTokens = &u.Cached
		}
	}
	if o.took > 0 {
		d := v1alpha1.Duration(o.took.Round(time.Millisecond).String())
		s.Duration = &d
	}
	if o.err != nil {
		return o.applyError(q, s)
	}
	raw, err := json.Marshal(nonNil(o.result.Messages))
	if err != nil {
		return fmt.Errorf("encode the messages: %w", err)
	}
	s.Response = response(o.target, o.result.Content, string(raw), "done")
	o.applyExchange(s)
	o.applySchema(q, s)
	setPhase(q, s, v1alpha1.QueryDone, reasonSucceeded, "Query completed successfully")
	return nil
}

// applySchema writes whether an answer conforms to its agent's output schema.
func (o outcome) applySchema(q *v1alpha1.Query, s *v1alpha1.QueryStatus) {
	switch v := o.result.Schema; {
	case v == nil:
	case v.Unknown:
		setCondition(q, s, "OutputValid", v1alpha1.ConditionUnknown, "SchemaNotUsable", v.Why)
	case v.Valid:
		setCondition(q, s, "OutputValid", v1alpha1.ConditionTrue, "OutputMatchesSchema", "The answer is what the agent's output schema asks for")
	default:
		setCondition(q, s, "OutputValid", v1alpha1.ConditionFalse, "OutputDoesNotMatchSchema", v.Why)
	}
}

func nonNil(messages []provider.Message) []provider.Message {
	if messages == nil {
		return []provider.Message{}
	}
	return messages
}

func (o outcome) applyError(q *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
	text := strings.ToValidUTF8(o.err.Error(), "\uFFFD")
	var late *timeoutError
	if errors.As(o.err, &late) {
		// The persisted part of an answer is kept.
		if s.Response == nil {
			s.Response = &v1alpha1.QueryResponse{Target: o.target}
		}
		s.Response.Content = &text
		setPhase(q, s, v1alpha1.QueryError, late.reason, text)
		return nil
	}
	raw, err := json.Marshal([]map[string]string{{"error": "target_execution_error", "message": text}})
	if err != nil {
		return fmt.Errorf("encode the error: %w", err)
	}
	s.Response = response(o.target, text, string(raw), "error")
	o.applyExchange(s)
	setPhase(q, s, v1alpha1.QueryError, reasonErrored, text)
	return nil
}

// applyExchange writes the identifiers of a conversation with a remote agent.
func (o outcome) applyExchange(s *v1alpha1.QueryStatus) {
	x := o.result.Exchange
	if x == (execution.Exchange{}) {
		return
	}
	s.Response.A2A = &v1alpha1.QueryResponseA2A{}
	if x.TaskID != "" {
		s.Response.A2A.TaskID = &x.TaskID
	}
	if x.ContextID == "" {
		return
	}
	s.Response.A2A.ContextID = &x.ContextID
	if s.ConversationID == nil {
		s.ConversationID = &x.ContextID
	}
}

func response(target *v1alpha1.QueryTarget, content, raw, phase string) *v1alpha1.QueryResponse {
	return &v1alpha1.QueryResponse{Target: target, Content: &content, Raw: &raw, Phase: &phase}
}

// timeoutError reports that a Query has exceeded its timeout.
type timeoutError struct {
	reason string
	after  time.Duration
}

// Error implements error.
func (e *timeoutError) Error() string {
	if e.reason == reasonInQueue {
		return fmt.Sprintf("query timed out in the queue after %s", e.after)
	}
	return fmt.Sprintf("query timed out in execution after %s", e.after)
}

// outcomeOf returns the outcome of a Query, for the metrics.
func outcomeOf(q *v1alpha1.Query) string {
	switch phaseOf(q) {
	case v1alpha1.QueryDone:
		return "done"
	case v1alpha1.QueryCanceled:
		return "canceled"
	default:
		for _, c := range q.Status.Conditions {
			if c.Type == completed && (c.Reason == reasonInQueue || c.Reason == reasonInExecution) {
				return "timeout"
			}
		}
		return "error"
	}
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
)

const (
	// taskPrefix begins the names of A2ATasks; the task's ID follows.
	taskPrefix = "a2a-task-"
	// annotationDenials is the number of refusals in a row, and maxDenials is the most that are
	// allowed.
	annotationDenials = "ark.mckinsey.com/approval-cascade-count"
	maxDenials        = 3
	// metadataJournal is the metadata key of an A2ATask with the journal of the run.
	metadataJournal = "journal"
)

// Reasons of an A2ATask's condition Completed.
const (
	reasonTaskNotStarted   = "TaskNotStarted"
	reasonApproved         = "ApprovalGranted"
	reasonRejected         = "ApprovalRejected"
	reasonTimeoutRejected  = "ApprovalTimeoutRejected"
	reasonTimeoutProceeded = "ApprovalTimeoutProceeded"
	reasonInvalidDecision  = "InvalidApprovalDecision"
	reasonTaskCancelled    = "TaskCancelled"
)

var (
	// errUndecided reports that a Query is still waiting.
	errUndecided = errors.New("the approval is not decided")
	// errTooLarge reports that the journal does not fit into an object.
	errTooLarge = errors.New("what the query has done is too large to be kept while a person decides: --max-object-size says how large it may be")
)

// taskOf returns the ID of the task that a Query waits for, or has waited for.
func taskOf(q *v1alpha1.Query) string {
	if q.Status == nil || q.Status.Response == nil || q.Status.Response.A2A == nil || q.Status.Response.A2A.TaskID == nil {
		return ""
	}
	return *q.Status.Response.A2A.TaskID
}

// pause makes a Query wait for an approval. The task is created before the Query's status refers to
// it. If the process ends in between, the task belongs to no Query, and is canceled with the
// Query's end.
func (e *Engine) pause(ctx context.Context, r *run, q **v1alpha1.Query, o outcome, x *execution.Run, pending *execution.Pending) error {
	task, err := newTask(*q, o, x, pending)
	if err != nil {
		return err
	}
	if o.talk != nil && !o.talk.continues {
		o.talk.saveQuestion(ctx, *q, o.result)
	}
	if err := e.store(ctx, task); err != nil {
		return err
	}
	r.finishing.Store(true)
	err = e.writeStatus(ctx, q, e.stillOurs, func(next *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
		if terminal(phaseOf(next)) {
			return errForeign
		}
		o.talk.apply(next, s)
		s.Response = response(o.target, "", "{}", string(v1alpha1.QueryInputRequired))
		s.Response.A2A = &v1alpha1.QueryResponseA2A{TaskID: &task.Spec.TaskID, ContextID: task.Spec.ContextID}
		phase := v1alpha1.QueryInputRequired
		s.Phase = &phase
		return nil
	})
	if err != nil {
		return err
	}
	return ErrPaused
}

// store creates a task with the status that it waits.
func (e *Engine) store(ctx context.Context, task *v1alpha1.A2ATask) error {
	status := task.Status
	for wait := firstPause; ; wait = min(2*wait, maxPause) {
		err := e.options.Client.Create(ctx, "a2atasks", task)
		if apierrors.IsAlreadyExists(err) { // by an attempt whose answer was lost
			err = e.options.Client.Get(ctx, "a2atasks", task.Namespace, task.Name, task)
		}
		if err == nil {
			task.Status = status
			err = e.options.Client.UpdateStatus(ctx, "a2atasks", task)
		}
		var said apierrors.APIStatus
		switch {
		case err == nil:
			return nil
		case errors.As(err, &said) && said.Status().Code == http.StatusRequestEntityTooLarge:
			return errTooLarge
		case !passing(err) && !apierrors.IsConflict(err):
			return fmt.Errorf("ask for the approval: %w", err)
		}
		task.ResourceVersion, task.UID = "", ""
		if !pause(ctx, wait) {
			return errStopping
		}
	}
}

// isOver reports whether this engine may no longer write a Query, for now or permanently.
func isOver(err error) bool {
	for _, why := range []error{errStopping, errDeleted, errForeign, errTaken, errOver} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// newTask returns the task that requests an approval.
func newTask(q *v1alpha1.Query, o outcome, x *execution.Run, pending *execution.Pending) (*v1alpha1.A2ATask, error) {
	journal, err := x.Journal()
	if err != nil {
		return nil, errTooLarge
	}
	calls, err := json.Marshal(callsOf(pending))
	if err != nil {
		return nil, fmt.Errorf("encode the calls: %w", err)
	}
	conversation := ""
	if o.talk != nil {
		conversation = o.talk.id
	}
	about, err := json.Marshal(map[string]any{
		"ConversationID": conversation, "PendingToolCallIndex": 0, "CompletedToolResults": []string{}, "AgentName": pending.Agent, "AgentNamespace": q.Namespace,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the context: %w", err)
	}
	id := string(uuid.NewUUID())
	now := metav1.Now()
	phase, state := v1alpha1.A2ATaskInputRequired, v1alpha1.A2AStateInputRequired
	task := &v1alpha1.A2ATask{
		ObjectMeta: metav1.ObjectMeta{
			Name: taskPrefix + id, Namespace: q.Namespace,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Query", Name: q.Name, UID: q.UID}},
		},
		Spec: v1alpha1.A2ATaskSpec{TaskID: id, QueryRef: &v1alpha1.ResourceReference{Name: q.Name, Namespace: &q.Namespace}},
		Status: &v1alpha1.A2ATaskStatus{Phase: &phase, ProtocolState: &state, StartTime: &now, ProtocolMetadata: map[string]string{
			"toolCalls": string(calls), "timeout": pending.Timeout, "onTimeout": string(pending.OnTimeout), "context": string(about), metadataJournal: string(journal),
		}},
	}
	name := pending.Agent
	if o.target != nil {
		name = o.target.Name
	}
	task.Spec.AgentRef = &v1alpha1.A2ATaskAgentReference{Name: &name, Namespace: &q.Namespace}
	if conversation != "" {
		task.Spec.ContextID, task.Status.ContextID = &conversation, &conversation
	}
	if pending.Timeout != "" {
		d := v1alpha1.Duration(pending.Timeout)
		task.Spec.Timeout = &d
	}
	setTaskCondition(task, v1alpha1.ConditionFalse, reasonTaskNotStarted, "A person has to decide")
	return task, nil
}

func setTaskCondition(t *v1alpha1.A2ATask, status v1alpha1.ConditionStatus, reason, message string) {
	generation := t.Generation
	t.Status.Conditions = []v1alpha1.Condition{{
		Type: completed, Status: status, Reason: reason, Message: &message, ObservedGeneration: &generation, LastTransitionTime: metav1.Now(),
	}}
}

// callsOf returns calls in OpenAI's form.
func callsOf(pending *execution.Pending) []map[string]any {
	out := make([]map[string]any, len(pending.Calls))
	for i, c := range pending.Calls {
		out[i] = map[string]any{"id": c.ID, "type": "function", "function": map[string]string{"name": c.Name, "arguments": c.Arguments}}
	}
	return out
}

// resumption is the state with which a Query continues after an approval.
type resumption struct {
	task     string
	decision execution.Decision
	// history is the number of messages that the conversation had, and denials the number of refusals
	// in a row.
	history, denials int
}

// resume makes a run continue with the decision on a task.
func (e *Engine) resume(ctx context.Context, q *v1alpha1.Query, x *execution.Run, id string) (resumption, error) {
	task := &v1alpha1.A2ATask{}
	err := e.options.Client.Get(ctx, "a2atasks", q.Namespace, taskPrefix+id, task)
	switch {
	case apierrors.IsNotFound(err):
		return resumption{}, fmt.Errorf("the A2ATask %s is gone, which asked for the approval of a person", taskPrefix+id)
	case err != nil:
		return resumption{}, fmt.Errorf("read the A2ATask: %w", err)
	}
	decision, err := decisionOn(task)
	if err != nil {
		return resumption{}, err
	}
	out := resumption{task: id, decision: decision}
	out.history, out.denials, err = x.Resume([]byte(task.Status.ProtocolMetadata[metadataJournal]), decision)
	return out, err
}

// decisionOn returns the decision from a task that has ended.
func decisionOn(t *v1alpha1.A2ATask) (execution.Decision, error) {
	phase, reason := taskPhase(t), ""
	if t.Status != nil {
		for _, c := range t.Status.Conditions {
			if c.Type == completed {
				reason = c.Reason
			}
		}
	}
	switch {
	case phase == v1alpha1.A2ATaskCompleted:
		return execution.Approved, nil
	case phase == v1alpha1.A2ATaskFailed && reason == reasonRejected:
		return execution.Rejected, nil
	case phase == v1alpha1.A2ATaskFailed && reason == reasonTimeoutRejected:
		return execution.TimedOut, nil
	case phase == v1alpha1.A2ATaskFailed, phase == v1alpha1.A2ATaskCancelled:
		why := "the approval was " + string(phase)
		if t.Status.Error != nil && *t.Status.Error != "" {
			why = *t.Status.Error
		}
		return "", errors.New(why)
	}
	return "", errUndecided
}

func taskPhase(t *v1alpha1.A2ATask) v1alpha1.A2ATaskPhase {
	if t.Status == nil || t.Status.Phase == nil {
		return ""
	}
	return *t.Status.Phase
}

// noteDenials writes the number of refusals, if it has changed.
func (e *Engine) noteDenials(ctx context.Context, q **v1alpha1.Query, denials int) error {
	count := strconv.Itoa(denials)
	if before := (*q).Annotations[annotationDenials]; before == count || before == "" && denials == 0 {
		return nil
	}
	return e.write(ctx, q, false, e.stillOurs, func(next *v1alpha1.Query) error {
		if next.Annotations == nil {
			next.Annotations = map[string]string{}
		}
		next.Annotations[annotationDenials] = count
		return nil
	})
}

// asks sends the readers what a person has to decide.
func (s speaker) asks(task string, pending *execution.Pending) {
	if s.to == nil {
		return
	}
	s.send(map[string]any{
		"type": "tool_approval_request", "taskId": task, "toolCalls": callsOf(pending), "timeout": pending.Timeout,
		"onTimeout": pending.OnTimeout, "agentName": pending.Agent,
	})
}

// decided sends the readers the decision.
func (s speaker) decided(r resumption) {
	if s.to == nil {
		return
	}
	s.send(map[string]any{
		"type": "tool_approval_response", "taskId": r.task, "action": r.decision, "timestamp": time.Now().UTC().Format(time.RFC3339),
	})
}

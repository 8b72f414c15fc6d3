package a2a

import (
	"encoding/json"
	"time"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
)

// answerID is the ID of the artifact that is the answer of a task.
const answerID protocol.ArtifactID = "answer"

func phaseOf(q *v1alpha1.Query) v1alpha1.QueryPhase {
	if q.Status == nil || q.Status.Phase == nil {
		return ""
	}
	return *q.Status.Phase
}

// stateOf is the phase of a Query as a state of a task.
func stateOf(q *v1alpha1.Query) protocol.TaskState {
	switch phaseOf(q) {
	case v1alpha1.QueryRunning:
		return protocol.TaskStateWorking
	case v1alpha1.QueryInputRequired:
		return protocol.TaskStateInputRequired
	case v1alpha1.QueryDone:
		return protocol.TaskStateCompleted
	case v1alpha1.QueryError:
		return protocol.TaskStateFailed
	case v1alpha1.QueryCanceled:
		return protocol.TaskStateCanceled
	default:
		return protocol.TaskStateSubmitted
	}
}

// settled reports whether a task goes on without its client.
func settled(q *v1alpha1.Query) bool {
	return ask.Ended(q) || phaseOf(q) == v1alpha1.QueryInputRequired
}

// contextOf is the ID of the conversation that a Query belongs to.
func contextOf(q *v1alpha1.Query) string {
	for _, id := range []*string{q.Spec.ConversationID, q.Spec.SessionID} {
		if id != nil && *id != "" {
			return *id
		}
	}
	if q.Status != nil && q.Status.ConversationID != nil && *q.Status.ConversationID != "" {
		return *q.Status.ConversationID
	}
	return string(q.UID)
}

func contentOf(q *v1alpha1.Query) string {
	if q.Status == nil || q.Status.Response == nil || q.Status.Response.Content == nil {
		return ""
	}
	return *q.Status.Response.Content
}

func infoOf(q *v1alpha1.Query) protocol.TaskInfo {
	return protocol.TaskInfo{TaskID: protocol.TaskID(q.Name), ContextID: contextOf(q)}
}

// taskOf is a Query as a task. At its end the answer is the agent's message in the history, where
// Ark's own clients look for it, and an artifact, where the others do.
func taskOf(q *v1alpha1.Query) *protocol.Task {
	out := &protocol.Task{ID: protocol.TaskID(q.Name), ContextID: contextOf(q), Status: statusOf(q)}
	var input string
	if json.Unmarshal([]byte(q.Spec.Input.RawJSON()), &input) == nil {
		id := q.Annotations[annotationMessage]
		if id == "" {
			id = string(q.UID) + "-question"
		}
		out.History = append(out.History, messageOf(q, protocol.MessageRoleUser, id, input))
	}
	if phaseOf(q) == v1alpha1.QueryDone {
		content := contentOf(q)
		out.History = append(out.History, messageOf(q, protocol.MessageRoleAgent, string(q.UID)+"-answer", content))
		out.Artifacts = []*protocol.Artifact{{ID: answerID, Name: "answer", Parts: protocol.ContentParts{protocol.NewTextPart(content)}}}
	}
	return out
}

// messageOf is a message of a task. Its ID is always the same, so that nobody takes it for another
// one.
func messageOf(q *v1alpha1.Query, role protocol.MessageRole, id, content string) *protocol.Message {
	m := protocol.NewMessageForTask(role, infoOf(q), protocol.NewTextPart(content))
	m.ID = id
	return m
}

// statusOf is how far a Query is. What is not an answer is told in the status.
func statusOf(q *v1alpha1.Query) protocol.TaskStatus {
	out := protocol.TaskStatus{State: stateOf(q), Timestamp: changedAt(q)}
	told := ""
	switch out.State {
	case protocol.TaskStateFailed:
		if told = contentOf(q); told == "" {
			told = "the query " + q.Name + " has failed"
		}
	case protocol.TaskStateInputRequired:
		told = "A person has to approve what the agent wants to do"
	default:
	}
	if told != "" {
		out.Message = messageOf(q, protocol.MessageRoleAgent, string(q.UID)+"-status", told)
	}
	return out
}

// changedAt is when a Query has come to its phase, as far as it says so.
func changedAt(q *v1alpha1.Query) *time.Time {
	at := q.CreationTimestamp.Time
	if q.Status != nil {
		for _, c := range q.Status.Conditions {
			if c.Type == "Completed" && c.LastTransitionTime.After(at) {
				at = c.LastTransitionTime.Time
			}
		}
	}
	return &at
}

// shorten leaves so many of the last messages in a task.
func shorten(t *protocol.Task, most *int) *protocol.Task {
	if most != nil && *most >= 0 && *most < len(t.History) {
		t.History = t.History[len(t.History)-*most:]
	}
	return t
}

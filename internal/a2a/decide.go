package a2a

import (
	"context"
	"encoding/json"
	"strings"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// taskPrefix begins the names of A2ATasks, the objects by which Queries ask for the approval of a
// person.
const taskPrefix = "a2a-task-"

// decisions are what a person may say, as a text or as data with the field decision.
var decisions = map[string]bool{"approved": true, "rejected": true}

// decide writes the decision that a Query waits for, and returns the Query once it has gone on.
func (m *methods) decide(ctx context.Context, q *v1alpha1.Query, message *protocol.Message) (*v1alpha1.Query, error) {
	id := waitsFor(q)
	if id == "" {
		return nil, fault(protocol.ErrUnsupportedOperation, "the task %s is at work and takes no messages", q.Name)
	}
	decision, err := decisionOf(message)
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(map[string]string{"decision": decision})
	if err != nil {
		return nil, faultOf(err)
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]string{"input": string(input)}})
	if err != nil {
		return nil, faultOf(err)
	}
	err = m.who.api.Patch(types.MergePatchType).Namespace(q.Namespace).Resource("a2atasks").Name(taskPrefix + id).Body(patch).Do(ctx).Error()
	if err != nil {
		return nil, faultOf(err)
	}
	return m.settle(ctx, q, func(q *v1alpha1.Query) bool { return waitsFor(q) != id })
}

// waitsFor is the ID of what a Query waits for; "" if it waits for nothing.
func waitsFor(q *v1alpha1.Query) string {
	if phaseOf(q) != v1alpha1.QueryInputRequired || q.Status.Response == nil || q.Status.Response.A2A == nil || q.Status.Response.A2A.TaskID == nil {
		return ""
	}
	return *q.Status.Response.A2A.TaskID
}

// decisionOf reads a message that decides.
func decisionOf(message *protocol.Message) (string, error) {
	said, err := text(message)
	if err != nil {
		return "", err
	}
	var data struct {
		Decision string `json:"decision"`
	}
	if json.Unmarshal([]byte(said), &data) != nil {
		data.Decision = strings.ToLower(strings.TrimSpace(said))
	}
	if !decisions[data.Decision] {
		return "", fault(protocol.ErrInvalidParams, `the task waits for a decision: answer "approved" or "rejected"`)
	}
	return data.Decision, nil
}

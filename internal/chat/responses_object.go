package chat

import (
	"encoding/json"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Statuses of responses and of their items.
const (
	statusQueued     = "queued"
	statusRunning    = "in_progress"
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusCancelled  = "cancelled"
)

// responseDefaults are the values of parameters that a request does not set.
var responseDefaults = map[string]json.RawMessage{
	"tool_choice": encode("auto"), "truncation": encode("disabled"), "parallel_tool_calls": encode(true),
	"text":  encode(map[string]any{"format": map[string]string{"type": "text"}}),
	"top_p": encode(1), "presence_penalty": encode(0), "frequency_penalty": encode(0), "top_logprobs": encode(0), "temperature": encode(1),
	"reasoning": orNull(nil), "max_output_tokens": orNull(nil), "max_tool_calls": orNull(nil), "service_tier": encode("default"),
	"safety_identifier": orNull(nil), "prompt_cache_key": orNull(nil), "user": orNull(nil),
}

// orNull returns a JSON value, or null if there is none.
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

type outputItem struct {
	Type   string  `json:"type"`
	ID     string  `json:"id"`
	Status string  `json:"status"`
	Role   *string `json:"role,omitempty"`
	// Content is the content of a message.
	Content []outputText `json:"content,omitempty"`
	// The remaining fields are those of a call.
	CallID    *string `json:"call_id,omitempty"`
	Name      *string `json:"name,omitempty"`
	Arguments *string `json:"arguments,omitempty"`
}

// MarshalJSON implements json.Marshaler: a message has the field content even if it is empty.
func (i outputItem) MarshalJSON() ([]byte, error) {
	type plain outputItem
	if i.Type != "message" || i.Content != nil {
		return json.Marshal(plain(i))
	}
	return json.Marshal(struct {
		plain
		Content []outputText `json:"content"`
	}{plain(i), []outputText{}})
}

type outputText struct {
	Type        string `json:"type"`
	Text        string `json:"text"`
	Annotations []int  `json:"annotations"`
	Logprobs    []int  `json:"logprobs"`
}

func newOutputText(s string) outputText {
	return outputText{Type: "output_text", Text: s, Annotations: []int{}, Logprobs: []int{}}
}

type responseUsage struct {
	Input        int64 `json:"input_tokens"`
	InputDetails struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	Output        int64 `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int64 `json:"total_tokens"`
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// resource returns the response in the client's form, based on its Query.
func (r *response) resource() map[string]any {
	status, fault := r.status()
	var output []outputItem
	if status == statusCompleted {
		output = r.kept.Asked.visible(outputOf(r.query))
	}
	return r.describe(status, output, "", fault)
}

// describe returns the response with a status. incomplete is the reason if the status is
// incomplete.
func (r *response) describe(status string, output []outputItem, incomplete string, fault *responseError) map[string]any {
	a := &r.kept.Asked
	out := map[string]any{
		"id": r.id, "object": "response", "created_at": r.query.CreationTimestamp.Unix(), "completed_at": nil, "status": status,
		"incomplete_details": nil, "model": a.Model, "previous_response_id": a.Previous, "instructions": a.Instructions,
		"output": output, "error": fault, "tools": a.Tools, "usage": nil, "store": a.Store, "background": a.Background, "metadata": a.Metadata,
		"ark": map[string]any{"query": r.query.UID, "namespace": r.query.Namespace, "name": r.query.Name},
	}
	if output == nil {
		out["output"] = []outputItem{}
	}
	if a.Metadata == nil {
		out["metadata"] = map[string]string{}
	}
	for name, value := range responseDefaults {
		if asked, ok := a.Values[name]; ok {
			value = asked
		}
		out[name] = value
	}
	if status == statusCompleted {
		out["completed_at"] = r.completedAt()
	}
	if incomplete != "" {
		out["incomplete_details"] = map[string]string{"reason": incomplete}
	}
	if counted := usageOf(r.query); counted != nil && (status == statusCompleted || status == statusIncomplete) {
		u := responseUsage{Input: counted.Prompt, Output: counted.Completion, Total: counted.Total}
		if counted.Details != nil {
			u.InputDetails.Cached = counted.Details.Cached
		}
		out["usage"] = u
	}
	return out
}

// status returns the status of a response by the phase of its Query.
func (r *response) status() (string, *responseError) {
	if r.query.Status == nil || r.query.Status.Phase == nil {
		return statusQueued, nil
	}
	switch *r.query.Status.Phase {
	case v1alpha1.QueryDone:
		return statusCompleted, nil
	case v1alpha1.QueryError:
		return statusFailed, &responseError{codeFailed, failure(r.query)}
	case v1alpha1.QueryCanceled:
		return statusCancelled, nil
	case v1alpha1.QueryRunning, v1alpha1.QueryInputRequired:
		return statusRunning, nil
	default:
		return statusQueued, nil
	}
}

// outputOf returns the items of a Query that is done.
func outputOf(q *v1alpha1.Query) []outputItem {
	var out []outputItem
	uid := string(q.UID)
	var calls []wireCall
	_ = json.Unmarshal(encode(callsOf(q)), &calls) // anything that is not a call is not the client's
	if content := contentOf(q); content != "" || len(calls) == 0 {
		item := newMessageItem(uid, 0)
		item.Status, item.Content = statusCompleted, []outputText{newOutputText(content)}
		out = append(out, item)
	}
	for _, c := range calls {
		item := newCallItem(uid, len(out), c.ID, c.Function.Name)
		item.Status, item.Arguments = statusCompleted, &c.Function.Arguments
		out = append(out, item)
	}
	return out
}

func newMessageItem(uid string, index int) outputItem {
	return outputItem{Type: "message", ID: itemID("msg", uid, index), Status: statusRunning, Role: text("assistant")}
}

func newCallItem(uid string, index int, call, name string) outputItem {
	return outputItem{Type: "function_call", ID: itemID("fc", uid, index), Status: statusRunning, CallID: &call, Name: &name, Arguments: new(string)}
}

// said returns the output of a response as a message.
func (r *response) said() json.RawMessage {
	m := wireMessage{Role: "assistant"}
	if content := contentOf(r.query); strings.TrimSpace(content) != "" {
		m.Content = encode(content)
	}
	if len(r.kept.Asked.Tools) > 0 {
		_ = json.Unmarshal(encode(callsOf(r.query)), &m.ToolCalls) // anything that is not a call is not the client's
	}
	return encode(m)
}

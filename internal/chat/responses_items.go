package chat

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// inputItem is an input item of a response.
type inputItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
}

type inputPart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Refusal  string `json:"refusal"`
	ImageURL string `json:"image_url"`
	Detail   string `json:"detail"`
}

// parseInput appends the input of a response to a request's messages, and returns its items.
func parseInput(raw json.RawMessage, r *request) ([]json.RawMessage, *Fault) {
	if len(raw) == 0 {
		return nil, invalid("input", codeValue, "input is missing")
	}
	var items []json.RawMessage
	var whole string
	switch {
	case json.Unmarshal(raw, &whole) == nil:
		items = []json.RawMessage{encode(map[string]any{"type": "message", "role": "user", "content": []any{map[string]string{"type": "input_text", "text": whole}}})}
	case json.Unmarshal(raw, &items) != nil || len(items) == 0:
		return nil, invalid("input", codeValue, "input is to be a text, or a list of at least one item")
	}
	// Consecutive calls form one message of the model.
	var calls *wireMessage
	add := func(m wireMessage, at string) *Fault {
		parsed, fault := parseMessage(encode(m), at)
		if fault == nil {
			r.messages = append(r.messages, parsed)
		}
		return fault
	}
	for i, raw := range items {
		at := fmt.Sprintf("input[%d]", i)
		m, isCall, fault := parseItem(raw, at)
		switch {
		case fault != nil:
			return nil, fault
		case isCall && calls != nil:
			calls.ToolCalls = append(calls.ToolCalls, m.ToolCalls...)
			r.messages = r.messages[:len(r.messages)-1]
			m = *calls
		case isCall:
			calls = &m
		default:
			calls = nil
		}
		if fault := add(m, at); fault != nil {
			return nil, fault
		}
	}
	return items, nil
}

// parseItem converts an item to a message.
func parseItem(raw json.RawMessage, at string) (m wireMessage, isCall bool, fault *Fault) {
	var in inputItem
	if err := json.Unmarshal(raw, &in); err != nil {
		return m, false, invalid(at, codeValue, "%s is no item: %s", at, typeFault(err))
	}
	switch in.Type {
	case "", "message":
		content, fault := itemContent(in.Content, at+".content")
		return wireMessage{Role: in.Role, Content: content}, false, fault
	case "function_call":
		if in.CallID == "" || in.Name == "" {
			return m, false, invalid(at, codeValue, "%s is a function call without call_id or name", at)
		}
		call := wireCall{ID: in.CallID, Type: "function"}
		call.Function.Name, call.Function.Arguments = in.Name, in.Arguments
		return wireMessage{Role: "assistant", ToolCalls: []wireCall{call}}, true, nil
	case "function_call_output":
		if in.CallID == "" {
			return m, false, invalid(at+".call_id", codeValue, "%s answers a function call, but does not say which: call_id is missing", at)
		}
		content, fault := itemContent(in.Output, at+".output")
		return wireMessage{Role: "tool", Content: content, ToolCallID: in.CallID}, false, fault
	}
	return m, false, invalid(at+".type", codeUnsupported, "%s is of the type %q: use message, function_call or function_call_output", at, in.Type)
}

// itemContent converts the content of an item to that of a message.
func itemContent(raw json.RawMessage, at string) (json.RawMessage, *Fault) {
	if len(raw) == 0 || isText(raw) {
		return raw, nil
	}
	var parts []inputPart
	if json.Unmarshal(raw, &parts) != nil {
		return nil, invalid(at, codeValue, "%s is neither a text nor a list of parts", at)
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		switch p.Type {
		case "input_text", "output_text", "text":
			out[i] = wirePart{Type: "text", Text: p.Text}
		case "refusal":
			out[i] = wirePart{Type: "refusal", Refusal: p.Refusal}
		case "input_image":
			out[i] = map[string]any{"type": "image_url", "image_url": map[string]string{"url": p.ImageURL, "detail": p.Detail}}
		default:
			return nil, invalid(at, codeUnsupported, "%s[%d] is of the type %q: only input_text, output_text, refusal and input_image are supported", at, i, p.Type)
		}
	}
	return encode(out), nil
}

// itemID returns the id of an item of the Query with a UID.
func itemID(kind, uid string, index int) string {
	return kind + "_" + uid + "_" + strconv.Itoa(index)
}

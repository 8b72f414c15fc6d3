package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// message is a message of a request, with validated content.
type message struct {
	role    string
	text    string
	images  int
	calls   bool   // an assistant's message with tool calls
	encoded []byte // in an engine's form: roles and parts that it supports
}

// wireMessage has the fields of a message that are kept.
type wireMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content,omitempty"`
	Name       string          `json:"name,omitempty"`
	ToolCalls  []wireCall      `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

type wireCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type wirePart struct {
	Type     string `json:"type"`
	Text     string `json:"text,omitempty"`
	Refusal  string `json:"refusal,omitempty"`
	ImageURL *struct {
		URL    string `json:"url"`
		Detail string `json:"detail,omitempty"`
	} `json:"image_url,omitempty"`
}

// parseMessages parses the field messages.
func parseMessages(raw json.RawMessage) ([]message, *Fault) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, invalid("messages", codeValue, "messages is to be a list of at least one message")
	}
	out := make([]message, len(list))
	for i := range list {
		var fault *Fault
		if out[i], fault = parseMessage(list[i], fmt.Sprintf("messages[%d]", i)); fault != nil {
			return nil, fault
		}
	}
	return out, nil
}

func parseMessage(raw json.RawMessage, at string) (message, *Fault) {
	var in wireMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return message{}, invalid(at, codeValue, "%s is no message: %s", at, typeFault(err))
	}
	switch in.Role {
	case "developer":
		in.Role = "system"
	case "system", "user", "assistant", "tool":
	default:
		return message{}, invalid(at+".role", codeValue, "%s has the role %q: use system, developer, user, assistant or tool", at, in.Role)
	}
	m := message{role: in.Role, calls: len(in.ToolCalls) > 0}
	if in.Role == "tool" && in.ToolCallID == "" {
		return message{}, invalid(at+".tool_call_id", codeValue, "%s answers a tool call, but does not say which: tool_call_id is missing", at)
	}
	parts, fault := m.content(in.Content, at+".content")
	if fault != nil {
		return message{}, fault
	}
	if len(in.Content) == 0 || string(in.Content) == "null" {
		if in.Role != "assistant" {
			return message{}, invalid(at+".content", codeValue, "%s has no content", at)
		}
	}
	in.Content = parts
	var err error
	if m.encoded, err = json.Marshal(in); err != nil {
		return message{}, invalid(at, codeValue, "%s cannot be encoded: %v", at, err)
	}
	return m, nil
}

// content parses the content of a message: null, a string, or parts. It returns the content to
// keep.
func (m *message) content(raw json.RawMessage, at string) (json.RawMessage, *Fault) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if json.Unmarshal(raw, &m.text) == nil {
		return raw, nil
	}
	var parts []wirePart
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, invalid(at, codeValue, "%s is neither a text nor a list of parts", at)
	}
	var all strings.Builder
	for i := range parts {
		p := &parts[i]
		switch p.Type {
		case "text":
			all.WriteString(p.Text)
		case "refusal":
			all.WriteString(p.Refusal)
			*p = wirePart{Type: "text", Text: p.Refusal}
		case "image_url":
			if p.ImageURL == nil || p.ImageURL.URL == "" {
				return nil, invalid(at, codeValue, "%s[%d] is an image without a URL", at, i)
			}
			if p.ImageURL.Detail != "" && p.ImageURL.Detail != "auto" {
				return nil, invalid(at, codeUnsupported, "%s[%d]: the detail of images cannot be chosen: leave it out", at, i)
			}
			m.images++
		default:
			return nil, invalid(at, codeUnsupported, "%s[%d] is of the type %q: only text and image_url are supported", at, i, p.Type)
		}
	}
	m.text = all.String()
	if m.images == 0 {
		return encode(m.text), nil
	}
	return encode(parts), nil
}

// typeFault returns the message of a JSON error without Go's names.
func typeFault(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("%s is not a %s", wrong.Field, wrong.Type.Kind())
	}
	return "it is not an object"
}

// encode encodes values that can always be encoded.
func encode(value any) json.RawMessage {
	out, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}

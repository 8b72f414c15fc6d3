package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Role is the sender of a message.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool"
)

// Message is a message of a conversation, in OpenAI's form.
type Message struct {
	Role    Role
	Content string
	// Images are data URLs that follow the text of a user's message.
	Images []string
	// Name is the agent that an assistant's message is from.
	Name string
	// ToolCalls are the calls that an assistant requests; ToolCallID identifies the one that a tool's
	// message answers.
	ToolCalls  []ToolCall
	ToolCallID string
}

// ToolCall is a call that the model requests.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string // JSON text, as the model wrote it
}

type wireCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function wireFunction `json:"function"`
}

type wireFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type wirePart struct {
	Type     string     `json:"type"`
	Text     string     `json:"text,omitempty"`
	ImageURL *wireImage `json:"image_url,omitempty"`
}

type wireImage struct {
	URL string `json:"url"`
}

type wireMessage struct {
	Role       Role            `json:"role"`
	Content    json.RawMessage `json:"content,omitempty"`
	Name       string          `json:"name,omitempty"`
	ToolCalls  []wireCall      `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

// MarshalJSON implements json.Marshaler. Only an assistant's message with calls may omit its
// content.
func (m Message) MarshalJSON() ([]byte, error) {
	out := wireMessage{Role: m.Role, Name: m.Name, ToolCallID: m.ToolCallID}
	for _, c := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, wireCall{ID: c.ID, Type: "function", Function: wireFunction{Name: c.Name, Arguments: c.Arguments}})
	}
	var content any = m.Content
	if len(m.Images) > 0 {
		parts := []wirePart{{Type: "text", Text: m.Content}}
		for _, url := range m.Images {
			parts = append(parts, wirePart{Type: "image_url", ImageURL: &wireImage{URL: url}})
		}
		content = parts
	}
	if m.Content != "" || len(m.Images) > 0 || len(m.ToolCalls) == 0 {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("encode a message: %w", err)
		}
		out.Content = text
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler. Content may be a string, null, or a list of parts, of
// which only texts and images are used.
func (m *Message) UnmarshalJSON(data []byte) error {
	var in wireMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("decode a message: %w", err)
	}
	*m = Message{Role: in.Role, Name: in.Name, ToolCallID: in.ToolCallID}
	for _, c := range in.ToolCalls {
		m.ToolCalls = append(m.ToolCalls, ToolCall{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
	}
	if len(in.Content) == 0 || string(in.Content) == "null" || json.Unmarshal(in.Content, &m.Content) == nil {
		return nil
	}
	var parts []wirePart
	if err := json.Unmarshal(in.Content, &parts); err != nil {
		return errors.New("decode a message: its content is neither a text nor a list of parts")
	}
	var text strings.Builder
	for _, p := range parts {
		text.WriteString(p.Text)
		if p.ImageURL != nil {
			m.Images = append(m.Images, p.ImageURL.URL)
		}
	}
	m.Content = text.String()
	return nil
}

// LastText returns the text of the last assistant's message that has one, or "".
func LastText(messages []Message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == Assistant && messages[i].Content != "" {
			return messages[i].Content
		}
	}
	return ""
}

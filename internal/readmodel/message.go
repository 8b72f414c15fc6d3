package readmodel

import (
	"context"
	"encoding/json"
)

// rawMessage is a message of a Query's response, in the form of OpenAI's API.
type rawMessage struct {
	Role      string `json:"role"`
	Name      string `json:"name"`
	Content   any    `json:"content"`
	ToolCalls []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// messagesOf decodes status.response.raw: a list of messages; anything else is an empty list.
func messagesOf(o object) []rawMessage {
	raw, _ := o.at("status", "response", "raw").(string)
	var messages []rawMessage
	if raw == "" || json.Unmarshal([]byte(raw), &messages) != nil {
		return nil
	}
	return messages
}

// said returns the text of a message, whose content may be a list of parts.
func said(content any) any {
	if s, ok := content.(string); ok {
		return asText(s)
	}
	text := ""
	parts, _ := content.([]any)
	for _, part := range parts {
		m, _ := part.(map[string]any)
		if s, ok := m["text"].(string); ok {
			if text != "" {
				text += "\n"
			}
			text += s
		}
	}
	return asText(text)
}

// putMessages writes the messages of a Query's target, and its tool calls.
func (b *batch) putMessages(ctx context.Context, k Kind, id int64, row map[string]any, o object) error {
	if k.Resource != "queries" {
		return nil
	}
	call := 0
	for i, m := range messagesOf(o) {
		if m.Role == "" {
			continue // an engine's note of an error
		}
		if _, err := b.exec(ctx, `INSERT INTO c_messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, k.Name, row["namespace"], row["name"],
			i, asText(m.Role), asText(m.Name), said(m.Content), row["conversation_id"], row["session_id"], row["created_at"]); err != nil {
			return err
		}
		for _, c := range m.ToolCalls {
			agent := row["target_name"]
			if m.Name != "" {
				agent = m.Name
			}
			if _, err := b.exec(ctx, `INSERT INTO c_tool_calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, k.Name, row["namespace"], row["name"],
				call, asText(c.ID), asText(c.Function.Name), asText(c.Function.Arguments), agent, row["conversation_id"], row["created_at"]); err != nil {
				return err
			}
			call++
		}
	}
	return nil
}

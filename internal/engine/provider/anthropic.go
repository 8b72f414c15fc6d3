package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// anthropicVersion is the API version that is requested unless the Model sets another.
const anthropicVersion = "2023-06-01"

const (
	anthropicMaxTokens   = 4096
	anthropicTemperature = 1.0
)

type anthropic struct {
	Endpoint
	url string
}

// NewAnthropic returns a model at an endpoint with Anthropic's API; version is "" for the default.
func NewAnthropic(e Endpoint, version string) Model {
	if version == "" {
		version = anthropicVersion
	}
	headers := map[string]string{"anthropic-version": version}
	for name, value := range e.Headers {
		headers[name] = value
	}
	e.Headers = headers
	return anthropic{e, strings.TrimSuffix(e.BaseURL, "/v1") + "/v1/messages"}
}

type anthropicBlock struct {
	Type      string           `json:"type"`
	Text      string           `json:"text,omitempty"`
	ID        string           `json:"id,omitempty"`
	Name      string           `json:"name,omitempty"`
	Input     json.RawMessage  `json:"input,omitempty"`
	ToolUseID string           `json:"tool_use_id,omitempty"`
	Content   string           `json:"content,omitempty"`
	Source    *anthropicSource `json:"source,omitempty"`
	Cache     *anthropicCache  `json:"cache_control,omitempty"`
}

type anthropicSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitempty"`
	Data      string `json:"data,omitempty"`
	URL       string `json:"url,omitempty"`
}

type anthropicCache struct {
	Type string `json:"type"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content []anthropicBlock `json:"content"`
}

type anthropicTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
	Cache       *anthropicCache `json:"cache_control,omitempty"`
}

// Complete implements Model.
func (m anthropic) Complete(ctx context.Context, r Request) (Response, error) {
	started := time.Now()
	system, messages := anthropicMessages(r.Messages)
	request := map[string]any{"model": m.Name, "max_tokens": anthropicMaxTokens, "temperature": anthropicTemperature}
	m.overlay(request, "messages", "system", "stream", "tools")
	if err := anthropicParameters(request, r.Parameters); err != nil {
		return Response{}, err
	}
	request["messages"], request["stream"] = messages, true
	if system != "" {
		request["system"] = []anthropicBlock{{Type: "text", Text: system, Cache: &anthropicCache{"ephemeral"}}}
	}
	if len(r.Tools) > 0 {
		request["tools"] = anthropicTools(r.Tools)
		if r.ToolsRequired {
			request["tool_choice"] = map[string]string{"type": "any"}
		}
	}
	if r.Schema != nil {
		request["output_config"] = map[string]any{"format": map[string]any{"type": "json_schema", "schema": r.Schema}}
	}
	answer, err := m.post(ctx, m.url, r.Headers, request)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	s := anthropicStream{started: started, request: r, model: m.Name, out: Response{Message: Message{Role: Assistant}}}
	if err := events(limitBody(answer), s.add); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return Response{}, cause
		}
		return Response{}, fmt.Errorf("read the model's answer: %w", m.hide(err))
	}
	if !s.whole {
		return Response{}, fmt.Errorf("read the model's answer: %w", errBrokenStream)
	}
	s.out.Message.Content = s.text.String()
	return s.out, nil
}

func anthropicTools(tools []Tool) []anthropicTool {
	out := make([]anthropicTool, len(tools))
	for i, t := range tools {
		out[i] = anthropicTool{Name: t.Name, Description: t.Description, InputSchema: t.Parameters}
	}
	out[len(out)-1].Cache = &anthropicCache{"ephemeral"}
	return out
}

// anthropicMessages returns the system prompt and the other messages. Anthropic's API requires
// alternating turns, so adjacent messages with the same role are joined.
func anthropicMessages(in []Message) (string, []anthropicMessage) {
	var system []string
	var out []anthropicMessage
	for _, m := range in {
		if m.Role == System {
			if m.Content != "" {
				system = append(system, m.Content)
			}
			continue
		}
		role, blocks := anthropicBlocks(m)
		if len(blocks) == 0 {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Content = append(out[n-1].Content, blocks...)
			continue
		}
		out = append(out, anthropicMessage{role, blocks})
	}
	return strings.Join(system, "\n\n"), out
}

func anthropicBlocks(m Message) (role string, blocks []anthropicBlock) {
	role = "user"
	if m.Role == ToolRole {
		return role, []anthropicBlock{{Type: "tool_result", ToolUseID: m.ToolCallID, Content: m.Content}}
	}
	if m.Role == Assistant {
		role = "assistant"
	}
	if m.Content != "" {
		blocks = append(blocks, anthropicBlock{Type: "text", Text: m.Content})
	}
	for _, url := range m.Images {
		blocks = append(blocks, anthropicBlock{Type: "image", Source: imageSource(url)})
	}
	for _, call := range m.ToolCalls {
		input := json.RawMessage(call.Arguments)
		if !json.Valid(input) || !strings.HasPrefix(strings.TrimSpace(call.Arguments), "{") {
			input = json.RawMessage("{}")
		}
		blocks = append(blocks, anthropicBlock{Type: "tool_use", ID: call.ID, Name: call.Name, Input: input})
	}
	return role, blocks
}

// imageSource parses a data URL.
func imageSource(url string) *anthropicSource {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		if media, data, ok := strings.Cut(rest, ";base64,"); ok {
			return &anthropicSource{Type: "base64", MediaType: media, Data: data}
		}
	}
	return &anthropicSource{Type: "url", URL: url}
}

// anthropicStream assembles the events of a stream.
type anthropicStream struct {
	started time.Time
	request Request
	model   string
	out     Response
	text    strings.Builder
	calling bool // the open block is a call
	whole   bool
}

type anthropicUsage struct {
	Input       int64 `json:"input_tokens"`
	Output      int64 `json:"output_tokens"`
	CacheWrites int64 `json:"cache_creation_input_tokens"`
	CacheReads  int64 `json:"cache_read_input_tokens"`
}

type anthropicEvent struct {
	Type    string `json:"type"`
	Message struct {
		Usage anthropicUsage `json:"usage"`
	} `json:"message"`
	ContentBlock anthropicBlock `json:"content_block"`
	Delta        struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		PartialJSON string `json:"partial_json"`
		StopReason  string `json:"stop_reason"`
	} `json:"delta"`
	Usage anthropicUsage `json:"usage"`
}

func (s *anthropicStream) add(_ string, data []byte) error {
	var e anthropicEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("decode an event: %w", err)
	}
	calls := &s.out.Message.ToolCalls
	switch e.Type {
	case "error":
		return errors.New(errorText(data))
	case "message_start":
		u := e.Message.Usage
		s.out.Usage = Usage{Prompt: u.Input + u.CacheWrites + u.CacheReads, Cached: u.CacheReads}
	case "content_block_start":
		if s.out.FirstToken == 0 {
			s.out.FirstToken = time.Since(s.started)
		}
		if s.calling = e.ContentBlock.Type == "tool_use"; s.calling {
			if len(*calls) == maxCalls {
				return errManyCalls
			}
			*calls = append(*calls, ToolCall{ID: e.ContentBlock.ID, Name: e.ContentBlock.Name})
		}
	case "content_block_delta":
		s.text.WriteString(e.Delta.Text)
		if e.Delta.Text != "" {
			s.request.said(s.model, map[string]any{"role": Assistant, "content": e.Delta.Text}, "")
		}
		if s.calling {
			(*calls)[len(*calls)-1].Arguments += e.Delta.PartialJSON
		}
	case "content_block_stop":
		if s.calling && (*calls)[len(*calls)-1].Arguments == "" {
			(*calls)[len(*calls)-1].Arguments = "{}"
		}
		s.calling = false
	case "message_delta":
		s.out.FinishReason = map[string]string{"max_tokens": "length", "tool_use": "tool_calls"}[e.Delta.StopReason]
		if s.out.FinishReason == "" {
			s.out.FinishReason = "stop"
		}
		s.out.Usage.Completion = e.Usage.Output
	case "message_stop":
		s.out.Usage.Total = s.out.Usage.Prompt + s.out.Usage.Completion
		s.whole = true
		s.finish()
	}
	return nil
}

// finish sends the calls of the answer, and its finish reason.
func (s *anthropicStream) finish() {
	delta := map[string]any{}
	if calls := s.out.Message.ToolCalls; len(calls) > 0 {
		delta["tool_calls"] = wholeCalls(calls)
	}
	s.request.said(s.model, delta, s.out.FinishReason)
}

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"
)

// openAI calls OpenAI's chat completions API.
type openAI struct {
	Endpoint
	url string
}

// NewOpenAI returns a model at an endpoint with OpenAI's API.
func NewOpenAI(e Endpoint) Model { return openAI{e, e.BaseURL + "/chat/completions"} }

var errNoChoices = errors.New("the model's answer has no choices")

// openAIFixed are fields of the request that properties cannot change.
var openAIFixed = []string{"messages", "stream", "stream_options", "tools"}

// Complete implements Model.
func (m openAI) Complete(ctx context.Context, r Request) (Response, error) {
	started := time.Now()
	request := map[string]any{"model": m.Name, "temperature": 1.0, "n": 1}
	m.overlay(request, openAIFixed...)
	for name, value := range r.Parameters {
		request[name] = value
	}
	request["messages"] = r.Messages
	request["stream"] = true
	request["stream_options"] = map[string]bool{"include_usage": true}
	if len(r.Tools) > 0 {
		request["tools"] = wireTools(r.Tools)
		if r.ToolsRequired {
			request["tool_choice"] = "required"
		}
	}
	if r.Schema != nil {
		request["response_format"] = map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": r.SchemaName, "strict": true, "schema": r.Schema},
		}
	}
	answer, err := m.post(ctx, m.url, r.Headers, request)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	out, err := m.read(answer, r, started)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return Response{}, cause
		}
		return Response{}, fmt.Errorf("read the model's answer: %w", m.hide(err))
	}
	return out, nil
}

// read reads a stream, or a whole answer from servers that do not stream.
func (m openAI) read(answer *http.Response, r Request, started time.Time) (Response, error) {
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if media != "application/json" {
		return readChunks(limitBody(answer), started, r.Chunk)
	}
	var whole struct {
		Choices []struct {
			Message      Message `json:"message"`
			FinishReason string  `json:"finish_reason"`
		} `json:"choices"`
		Usage wireUsage `json:"usage"`
	}
	if err := json.NewDecoder(limitBody(answer)).Decode(&whole); err != nil {
		return Response{}, err
	}
	if len(whole.Choices) == 0 {
		return Response{}, errNoChoices
	}
	r.said(m.Name, map[string]any{"role": Assistant, "content": whole.Choices[0].Message.Content}, whole.Choices[0].FinishReason)
	return Response{
		Message: whole.Choices[0].Message, FinishReason: whole.Choices[0].FinishReason,
		Usage: whole.Usage.usage(), FirstToken: time.Since(started),
	}, nil
}

type wireTool struct {
	Type     string           `json:"type"`
	Function wireToolFunction `json:"function"`
}

type wireToolFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

func wireTools(tools []Tool) []wireTool {
	out := make([]wireTool, len(tools))
	for i, t := range tools {
		out[i] = wireTool{Type: "function", Function: wireToolFunction(t)}
	}
	return out
}

type wireUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
	Details    struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

func (u wireUsage) usage() Usage {
	return Usage{Prompt: u.Prompt, Completion: u.Completion, Total: u.Total, Cached: u.Details.Cached}
}

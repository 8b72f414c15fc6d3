package provider

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage // a JSON schema of an object
	// Strict makes the arguments follow the schema, if the provider supports that.
	Strict *bool
}

// Request is one call of a model.
type Request struct {
	Messages []Message
	Tools    []Tool
	// ToolsRequired makes the model call a tool.
	ToolsRequired bool
	// Schema, if not nil, is the JSON schema that the answer has to follow, and SchemaName its name.
	Schema     json.RawMessage
	SchemaName string
	// Parameters are the client's parameters, by OpenAI's names. They override the model's properties.
	Parameters map[string]json.RawMessage
	// Headers are sent in addition to those of the model, and override them.
	Headers map[string]string
	// Chunk receives the answer in parts as it arrives; nil for none.
	Chunk func(Chunk)
}

// Chunk is a part of an answer: a chat.completion.chunk of OpenAI's API, either the provider's or
// one in the same form.
type Chunk struct {
	Data []byte
	// Repeats is true if the chunk repeats the calls of an answer whose parts have been sent before.
	Repeats bool
}

// Usage counts tokens.
type Usage struct{ Prompt, Completion, Total, Cached int64 }

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Prompt + v.Prompt, u.Completion + v.Completion, u.Total + v.Total, u.Cached + v.Cached}
}

// Sub returns the usage since an earlier sum.
func (u Usage) Sub(v Usage) Usage {
	return Usage{u.Prompt - v.Prompt, u.Completion - v.Completion, u.Total - v.Total, u.Cached - v.Cached}
}

// Response is a whole answer.
type Response struct {
	Message      Message
	FinishReason string
	Usage        Usage
	// FirstToken is the time to the first part of the answer.
	FirstToken time.Duration
}

// Model is a model that can be called. It is safe for concurrent use.
type Model interface {
	// Complete calls the model, and retries as Retry and the context's deadline permit.
	Complete(ctx context.Context, r Request) (Response, error)
	// ID is the provider's name for the model.
	ID() string
}

// textProperties are request parameters whose values are strings, even if they look like numbers.
var textProperties = map[string]bool{
	"user": true, "stop": true, "model": true, "service_tier": true, "reasoning_effort": true, "prompt_cache_key": true, "safety_identifier": true,
}

// property converts a parameter from a Model's properties, which are strings, to its value in a
// request: a number, a boolean, an object or a list if the string is one.
func property(name, text string) any {
	if textProperties[name] {
		return text
	}
	trimmed := strings.TrimSpace(text)
	if trimmed == "true" || trimmed == "false" {
		return trimmed == "true"
	}
	if _, err := strconv.ParseFloat(trimmed, 64); err == nil && json.Valid([]byte(trimmed)) {
		return json.RawMessage(trimmed)
	}
	if (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid([]byte(trimmed)) {
		return json.RawMessage(trimmed)
	}
	return text
}

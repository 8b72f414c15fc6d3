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
	// Strict has the arguments follow the schema, where the provider can do that.
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
	// Parameters are what the client asks for, by OpenAI's names. They win over the model's
	// properties.
	Parameters map[string]json.RawMessage
	// Headers are sent beside those of the model, and win over them.
	Headers map[string]string
	// Chunk takes the answer as it comes, in parts; nil for nobody.
	Chunk func(Chunk)
}

// Chunk is a part of an answer: a chat.completion.chunk of OpenAI's API, as the provider has sent
// it or would have.
type Chunk struct {
	Data []byte
	// Repeats says that it repeats the calls of an answer, whose parts have been sent before.
	Repeats bool
}

// Usage counts tokens.
type Usage struct{ Prompt, Completion, Total, Cached int64 }

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Prompt + v.Prompt, u.Completion + v.Completion, u.Total + v.Total, u.Cached + v.Cached}
}

// Sub returns what has been used since an earlier sum.
func (u Usage) Sub(v Usage) Usage {
	return Usage{u.Prompt - v.Prompt, u.Completion - v.Completion, u.Total - v.Total, u.Cached - v.Cached}
}

// Response is a whole answer.
type Response struct {
	Message      Message
	FinishReason string
	Usage        Usage
	// FirstToken is how long the first part of the answer took.
	FirstToken time.Duration
}

// Model is a model that can be called. It is safe for concurrent use.
type Model interface {
	// Complete calls the model, as often as Retries allow and the context's deadline permits.
	Complete(ctx context.Context, r Request) (Response, error)
	// ID is what the provider calls the model.
	ID() string
}

// textProperties are request parameters whose values are texts, even if they look like numbers.
var textProperties = map[string]bool{
	"user": true, "stop": true, "model": true, "service_tier": true, "reasoning_effort": true, "prompt_cache_key": true, "safety_identifier": true,
}

// property returns what a parameter that a Model's properties give as text is in a request: a
// number, a boolean, an object or a list where the text is one.
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

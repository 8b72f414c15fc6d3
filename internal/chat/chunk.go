package chat

import "encoding/json"

// Chunks and completions as they are sent. Fields that OpenAI's clients expect are always present,
// the others only if they have a value.
type chunk struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	// Usage is omitted if the client has not asked for it; otherwise it is null on all chunks except
	// the last.
	Usage json.RawMessage `json:"usage,omitempty"`
	Ark   json.RawMessage `json:"ark,omitempty"`
}

type choice struct {
	Index        int     `json:"index"`
	Delta        delta   `json:"delta"`
	Logprobs     *string `json:"logprobs"`
	FinishReason *string `json:"finish_reason"`
}

type delta struct {
	Role      string          `json:"role,omitempty"`
	Content   *string         `json:"content,omitempty"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

type completion struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *usage             `json:"usage,omitempty"`
	Ark     json.RawMessage    `json:"ark,omitempty"`
}

type completionChoice struct {
	Index        int          `json:"index"`
	Message      wholeMessage `json:"message"`
	Logprobs     *string      `json:"logprobs"`
	FinishReason string       `json:"finish_reason"`
}

type wholeMessage struct {
	Role      string          `json:"role"`
	Content   *string         `json:"content"`
	Refusal   *string         `json:"refusal"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

// usage is the models' token usage.
type usage struct {
	Prompt     int64         `json:"prompt_tokens"`
	Completion int64         `json:"completion_tokens"`
	Total      int64         `json:"total_tokens"`
	Details    *usageDetails `json:"prompt_tokens_details,omitempty"`
}

type usageDetails struct {
	Cached int64 `json:"cached_tokens"`
}

// engineChunk is a chunk as an engine writes it.
type engineChunk struct {
	Choices []struct {
		Delta struct {
			Content   *string         `json:"content"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Error json.RawMessage `json:"error"`
	// Type is set on lines that are not chunks in OpenAI's form.
	Type string          `json:"type"`
	Ark  json.RawMessage `json:"ark"`
}

// engineArk has the fields of a chunk's ark object that this package uses.
type engineArk struct {
	Team           string          `json:"team"`
	Agent          string          `json:"agent"`
	CompletedQuery json.RawMessage `json:"completedQuery"`
}

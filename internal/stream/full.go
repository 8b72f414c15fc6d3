package stream

import "encoding/json"

// compactMark begins a chunk that has only the fields with a value. It is JSON white space, so
// decoders ignore it. Chunks that arrive by HTTP do not have it: they are stored without
// surrounding white space.
const compactMark = ' '

// Compact returns the stored form of a chunk, for writers in this process. Readers of the HTTP API
// get it with all the fields that Ark's engine writes, which would otherwise be most of the
// broker's memory.
func Compact(chunk []byte) []byte {
	return append(append(make([]byte, 0, len(chunk)+1), compactMark), chunk...)
}

// fullChunk is a chat.completion.chunk with every field, as Ark's engine encodes it: fields that a
// provider has omitted have their zero value.
type fullChunk struct {
	ID                string          `json:"id"`
	Choices           []fullChoice    `json:"choices"`
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	Object            string          `json:"object"`
	ServiceTier       string          `json:"service_tier"`
	SystemFingerprint string          `json:"system_fingerprint"`
	Usage             fullUsage       `json:"usage"`
	Ark               json.RawMessage `json:"ark,omitempty"`
}

type fullChoice struct {
	Delta struct {
		Content      string       `json:"content"`
		FunctionCall fullFunction `json:"function_call"`
		Refusal      string       `json:"refusal"`
		Role         string       `json:"role"`
		ToolCalls    []fullCall   `json:"tool_calls"`
	} `json:"delta"`
	FinishReason string `json:"finish_reason"`
	Index        int64  `json:"index"`
	Logprobs     struct {
		Content []json.RawMessage `json:"content"`
		Refusal []json.RawMessage `json:"refusal"`
	} `json:"logprobs"`
}

type fullFunction struct {
	Arguments string `json:"arguments"`
	Name      string `json:"name"`
}

type fullCall struct {
	Index    int64        `json:"index"`
	ID       string       `json:"id"`
	Function fullFunction `json:"function"`
	Type     string       `json:"type"`
}

type fullUsage struct {
	Completion        int64 `json:"completion_tokens"`
	Prompt            int64 `json:"prompt_tokens"`
	Total             int64 `json:"total_tokens"`
	CompletionDetails struct {
		AcceptedPrediction int64 `json:"accepted_prediction_tokens"`
		Audio              int64 `json:"audio_tokens"`
		Reasoning          int64 `json:"reasoning_tokens"`
		RejectedPrediction int64 `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
	PromptDetails struct {
		Audio  int64 `json:"audio_tokens"`
		Cached int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// full returns a chunk in the form of the HTTP API. Errors, events of other types and chunks that
// do not have OpenAI's types are returned unchanged.
func full(chunk []byte) []byte {
	if len(chunk) == 0 || chunk[0] != compactMark {
		return chunk
	}
	chunk = chunk[1:]
	var c struct {
		fullChunk
		Error json.RawMessage `json:"error"`
		Type  string          `json:"type"`
	}
	if json.Unmarshal(chunk, &c) != nil || c.Type != "" || len(c.Error) > 0 && string(c.Error) != "null" {
		return chunk
	}
	c.Object = "chat.completion.chunk"
	return encode(c.fullChunk)
}

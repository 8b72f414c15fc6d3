package provider

import (
	"encoding/json"
	"strconv"
	"time"
)

// chunkID is the id of chunks that no provider has sent.
const chunkID = "chatcmpl-ark"

// said sends a part of an answer that the provider did not send in OpenAI's form.
func (r Request) said(model string, delta map[string]any, finish string) {
	if r.Chunk != nil {
		sayChunk(r.Chunk, newChunk(model), delta, finish, false)
	}
}

// newChunk returns a chunk that no provider has sent.
func newChunk(model string) chunk {
	return chunk{ID: chunkID, Model: model, Created: strconv.AppendInt(nil, time.Now().Unix(), 10)}
}

// sayChunk sends a part of an answer with the id, the time and the model of another chunk.
func sayChunk(say func(Chunk), of chunk, delta map[string]any, finish string, repeats bool) {
	var reason any
	if finish != "" {
		reason = finish
	}
	data, err := json.Marshal(map[string]any{
		"id": of.ID, "object": "chat.completion.chunk", "created": of.Created, "model": of.Model,
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": reason}},
	})
	if err != nil {
		return // never fails: strings, numbers and JSON that was decoded always marshal
	}
	say(Chunk{Data: data, Repeats: repeats})
}

// Said returns a part of an answer that no model has sent.
func Said(by, text, finish string) (out Chunk) {
	delta := map[string]any{"role": "assistant", "content": text}
	if text == "" {
		delta = map[string]any{}
	}
	sayChunk(func(c Chunk) { out = c }, newChunk(by), delta, finish, false)
	return out
}

type wholeCall struct {
	Index int `json:"index"`
	wireCall
}

// wholeCalls returns calls with all their fields.
func wholeCalls(calls []ToolCall) []wholeCall {
	out := make([]wholeCall, len(calls))
	for i, c := range calls {
		out[i] = wholeCall{i, wireCall{ID: c.ID, Type: "function", Function: wireFunction{Name: c.Name, Arguments: c.Arguments}}}
	}
	return out
}

package provider

import (
	"encoding/json"
	"strconv"
	"time"
)

// chunkID is that of chunks which no provider has sent.
const chunkID = "chatcmpl-ark"

// said sends a part of an answer that the provider has not sent in the form of OpenAI's API.
func (r Request) said(model string, delta map[string]any, finish string) {
	if r.Chunk != nil {
		sayChunk(r.Chunk, newChunk(model), delta, finish, false)
	}
}

// newChunk is what a chunk has that no provider has sent.
func newChunk(model string) chunk {
	return chunk{ID: chunkID, Model: model, Created: strconv.AppendInt(nil, time.Now().Unix(), 10)}
}

// sayChunk says a part of an answer that has the id, the time and the model of another chunk.
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
		return // never: these are texts and numbers, and JSON that was decoded
	}
	say(Chunk{Data: data, Repeats: repeats})
}

// Said returns a part of an answer that is no model's.
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

// wholeCalls are calls with everything that belongs to them.
func wholeCalls(calls []ToolCall) []wholeCall {
	out := make([]wholeCall, len(calls))
	for i, c := range calls {
		out[i] = wholeCall{i, wireCall{ID: c.ID, Type: "function", Function: wireFunction{Name: c.Name, Arguments: c.Arguments}}}
	}
	return out
}

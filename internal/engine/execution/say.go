package execution

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// Chunk is a part of a query's output.
type Chunk struct {
	// Data is a JSON object on one line.
	Data []byte
	// Repeats is true if the chunk repeats tool calls whose parts have been sent before. A reader that
	// assembles the parts skips it.
	Repeats bool
}

// origin identifies the sender of a chunk. The model is the provider's name for it.
type origin struct {
	Query   string `json:"query,omitempty"`
	Session string `json:"session,omitempty"`
	Agent   string `json:"agent,omitempty"`
	Team    string `json:"team,omitempty"`
	Model   string `json:"model,omitempty"`
	System  string `json:"systemMessage,omitempty"`
}

func (r *Run) origin(agent, model string) origin {
	session := deref(r.Query.Spec.SessionID)
	if session == "" {
		session = string(r.Query.UID)
	}
	return origin{Query: string(r.Query.UID), Session: session, Agent: agent, Team: r.team, Model: model}
}

// listen returns the function that receives the chunks of one call of a model; nil if no reader
// needs them.
func (r *Run) listen(agent, model string) func(provider.Chunk) {
	if r.Say == nil || r.silent > 0 {
		return nil
	}
	from, err := json.Marshal(r.origin(agent, model))
	if err != nil {
		return nil // never fails: strings always marshal
	}
	return func(c provider.Chunk) {
		data := bytes.TrimSpace(c.Data)
		if len(data) < 2 || data[0] != '{' {
			return
		}
		out := make([]byte, 0, len(data)+len(from)+8)
		out = append(out, data[:len(data)-1]...)
		if len(bytes.TrimSpace(data[1:len(data)-1])) > 0 {
			out = append(out, ',')
		}
		out = append(out, `"ark":`...)
		out = append(out, from...)
		// A provider may put a line break between two fields.
		r.Say(Chunk{Data: bytes.ReplaceAll(append(out, '}'), []byte("\n"), []byte(" ")), Repeats: c.Repeats})
	}
}

// saySystem sends a progress message to the readers that is not a model's output.
func (r *Run) saySystem(text string) {
	r.sayOf(map[string]any{"id": "chatcmpl-system", "ark": origin{System: text}})
}

// sayLast sends the last message of a selector to the readers at the end of its team's work.
func (r *Run) sayLast(text string) {
	from := r.origin("", "")
	from.Team = ""
	r.sayOf(map[string]any{
		"id": "chatcmpl-terminate", "choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": text}}}, "ark": from,
	})
}

// sayOf sends a chunk to the readers that no provider has sent.
func (r *Run) sayOf(chunk map[string]any) {
	if r.Say == nil || r.silent > 0 {
		return
	}
	chunk["object"], chunk["created"] = "chat.completion.chunk", time.Now().Unix()
	data, err := json.Marshal(chunk)
	if err != nil {
		return // never fails: strings and numbers always marshal
	}
	r.Say(Chunk{Data: data})
}

// inTeam records that a team is at work, until the returned function is called.
func (r *Run) inTeam(name string) (leave func()) {
	outer := r.team
	r.team = name
	return func() { r.team = outer }
}

// quietly stops the streaming of output until the returned function is called.
func (r *Run) quietly() (loudly func()) {
	r.silent++
	return func() { r.silent-- }
}

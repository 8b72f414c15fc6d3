package execution

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// Chunk is a part of what a query says.
type Chunk struct {
	// Data are a JSON object on one line.
	Data []byte
	// Repeats says that it repeats tool calls whose parts have been sent before: whoever puts parts
	// together leaves it out.
	Repeats bool
}

// origin is whom a chunk is from. The model is the provider's name of it.
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

// listen returns what takes the chunks of one call of a model; nil if nobody is to read them.
func (r *Run) listen(agent, model string) func(provider.Chunk) {
	if r.Say == nil || r.silent > 0 {
		return nil
	}
	from, err := json.Marshal(r.origin(agent, model))
	if err != nil {
		return nil // never: these are texts
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
		// A provider may have a line break between two fields.
		r.Say(Chunk{Data: bytes.ReplaceAll(append(out, '}'), []byte("\n"), []byte(" ")), Repeats: c.Repeats})
	}
}

// saySystem tells the readers what goes on, without a word of a model.
func (r *Run) saySystem(text string) {
	r.sayOf(map[string]any{"id": "chatcmpl-system", "ark": origin{System: text}})
}

// sayLast tells the readers what a selector has said at the end of its team's work.
func (r *Run) sayLast(text string) {
	from := r.origin("", "")
	from.Team = ""
	r.sayOf(map[string]any{
		"id": "chatcmpl-terminate", "choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": text}}}, "ark": from,
	})
}

// sayOf tells the readers what no provider has said.
func (r *Run) sayOf(chunk map[string]any) {
	if r.Say == nil || r.silent > 0 {
		return
	}
	chunk["object"], chunk["created"] = "chat.completion.chunk", time.Now().Unix()
	data, err := json.Marshal(chunk)
	if err != nil {
		return // never: these are texts and numbers
	}
	r.Say(Chunk{Data: data})
}

// inTeam says that a team is at work, until what it returns is called.
func (r *Run) inTeam(name string) (leave func()) {
	outer := r.team
	r.team = name
	return func() { r.team = outer }
}

// quietly says that nobody is told what is said, until what it returns is called.
func (r *Run) quietly() (loudly func()) {
	r.silent++
	return func() { r.silent-- }
}

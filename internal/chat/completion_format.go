package chat

import (
	"encoding/json"
	"strings"
)

// completionFormat writes chat completions.
type completionFormat struct{}

func (completionFormat) read(_ *exchange, _ asker, body []byte) (*request, *Fault) {
	return parseRequest(body)
}

func (completionFormat) made(*exchange) (bool, *Fault) { return false, nil }

func (completionFormat) start(x *exchange) error {
	empty := ""
	return x.event(delta{Role: "assistant", Content: &empty}, nil, x.ark(nil))
}

func (completionFormat) part(x *exchange, p part) error {
	d := delta{ToolCalls: p.calls}
	if p.content != "" {
		d.Content = &p.content
	}
	return x.event(d, nil, p.ark)
}

// last sends the finish reason, and the usage if it was asked for.
func (completionFormat) last(x *exchange) error {
	reason := x.answer.finish()
	if err := x.event(delta{}, &reason, x.ark(x.query)); err != nil {
		return err
	}
	if counted := usageOf(x.query); x.asked.usage && counted != nil {
		c := x.chunk()
		c.Choices, c.Usage = []choice{}, encode(counted)
		return x.events.Data(encode(c))
	}
	return nil
}

func (completionFormat) fault(x *exchange, f *Fault) error { return x.events.Data(f.json()) }

func (x *exchange) id() string { return "chatcmpl-" + strings.ReplaceAll(string(x.query.UID), "-", "") }

func (x *exchange) chunk() chunk {
	c := chunk{ID: x.id(), Object: "chat.completion.chunk", Created: x.created, Model: x.asked.model}
	if x.asked.usage {
		c.Usage = json.RawMessage("null")
	}
	return c
}

func (x *exchange) event(d delta, finish *string, ark json.RawMessage) error {
	c := x.chunk()
	c.Choices, c.Ark = []choice{{Delta: d, FinishReason: finish}}, ark
	return x.events.Data(encode(c))
}

func (completionFormat) whole(x *exchange) {
	content := contentOf(x.query)
	out := completion{
		ID: x.id(), Object: "chat.completion", Created: x.created, Model: x.asked.model,
		Choices: []completionChoice{{Message: wholeMessage{Role: "assistant", Content: &content}}}, Usage: usageOf(x.query),
		Ark: encode(map[string]any{"query": x.query.UID, "session": x.session(), "target": x.to.id(), "queryStatus": x.query.Status}),
	}
	c := &out.Choices[0]
	if x.answer.tools {
		if calls := callsOf(x.query); calls != nil {
			c.Message.ToolCalls, x.answer.called = encode(calls), true
			if content == "" {
				c.Message.Content = nil
			}
		}
	}
	c.FinishReason = x.answer.finish()
	writeJSON(x.w, out)
}

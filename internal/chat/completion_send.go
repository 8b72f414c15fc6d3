package chat

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/sse"
)

// begin begins the stream, if it has not begun.
func (x *exchange) begin() error {
	if x.events != nil {
		return nil
	}
	var err error
	if x.events, err = sse.Start(x.w); err != nil {
		return err
	}
	empty := ""
	return x.event(delta{Role: "assistant", Content: &empty}, nil, x.ark(nil))
}

// ark is what says which Query it is.
func (x *exchange) ark(completed *v1alpha1.Query) json.RawMessage {
	out := map[string]any{"query": x.query.UID, "session": x.session(), "target": x.to.id()}
	if completed != nil {
		shown := *completed
		shown.ManagedFields = nil
		out["completedQuery"] = &shown
	}
	return encode(out)
}

func (x *exchange) session() string {
	if id := x.query.Spec.SessionID; id != nil && *id != "" {
		return *id
	}
	return string(x.query.UID)
}

// send sends a part of the answer.
func (x *exchange) send(p part) error {
	if p.content != "" || p.calls != nil {
		if x.parts++; x.parts == 1 {
			x.first = time.Now()
			x.server.options.Observer.First(string(x.to.kind), x.first.Sub(x.began))
		}
	}
	if err := x.begin(); err != nil {
		return err
	}
	d := delta{ToolCalls: p.calls}
	if p.content != "" {
		d.Content = &p.content
	}
	return x.event(d, nil, p.ark)
}

// last sends what is missing, the finish reason, the usage if it was asked for, and the end.
func (x *exchange) last() error {
	if rest := x.answer.rest(x.query); rest.content != "" || rest.calls != nil {
		if err := x.send(rest); err != nil {
			return err
		}
	}
	if err := x.begin(); err != nil {
		return err
	}
	reason := x.answer.finish()
	if err := x.event(delta{}, &reason, x.ark(x.query)); err != nil {
		return err
	}
	if counted := usageOf(x.query); x.asked.usage && counted != nil {
		c := x.chunk()
		c.Choices, c.Usage = []choice{}, encode(counted)
		if err := x.events.Data(encode(c)); err != nil {
			return err
		}
	}
	return x.events.Done()
}

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

// whole answers without a stream.
func (x *exchange) whole() {
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

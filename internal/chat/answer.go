package chat

import (
	"encoding/json"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// answer processes an engine's chunks, and selects the client's part: the text of the target that
// it asked, once.
type answer struct {
	// all passes on the text of all speakers; tools passes on tool calls, which are the client's own.
	all, tools bool
	// speaker is the member of a team whose text is the answer; "" if that is known only at the end.
	// team is true if the target is a team.
	team    bool
	speaker string

	said    strings.Builder // the text that was passed on
	segment strings.Builder // the part of said that is from the last call of a model
	calls   map[int]bool    // tool calls of the last call of a model that were passed on
	called  bool            // any of them
	between bool            // the last call of a model has ended
	reason  string          // the last finish reason
	// completed is the Query at the end of the stream, as the engine sent it.
	completed json.RawMessage
}

// part is a part of the answer to send.
type part struct {
	content string
	calls   json.RawMessage
	ark     json.RawMessage
}

// take returns the part of the answer in a chunk of an engine; ok is false for none.
func (a *answer) take(raw []byte) (p part, ok bool) {
	var in engineChunk
	if json.Unmarshal(raw, &in) != nil {
		return p, false
	}
	p.ark = in.Ark
	var ark engineArk
	_ = json.Unmarshal(in.Ark, &ark) // without it, the chunk has no speaker
	switch {
	case in.Type != "":
		// The event is not a chunk in OpenAI's form; for example, a request for an approval.
		p.ark = within(in.Ark, "event", raw)
		return p, true
	case len(ark.CompletedQuery) > 0:
		a.completed = ark.CompletedQuery
		return p, false
	case len(in.Error) > 0:
		return p, false // the Query has the error
	case len(in.Choices) == 0:
		return p, a.all && len(in.Ark) > 0
	}
	c := in.Choices[0]
	content := ""
	if c.Delta.Content != nil {
		content = *c.Delta.Content
	}
	calls := present(c.Delta.ToolCalls)
	if a.between && (content != "" || calls) && !a.repeats(c.Delta.ToolCalls) {
		a.between = false
		a.segment.Reset()
		a.calls = nil
	}
	mine := a.all || a.speaks(ark)
	switch {
	case mine:
		p.content = content
		a.said.WriteString(content)
		a.segment.WriteString(content)
		if c.FinishReason != nil && *c.FinishReason != "" {
			a.reason = *c.FinishReason
		}
	case content != "":
		p.ark = within(p.ark, "content", encode(content))
	}
	if calls {
		switch {
		case a.repeats(c.Delta.ToolCalls): // they were already sent in parts
		case a.tools:
			p.calls = c.Delta.ToolCalls
			a.note(c.Delta.ToolCalls)
		default:
			p.ark = within(p.ark, "toolCalls", c.Delta.ToolCalls)
		}
	}
	if c.FinishReason != nil && *c.FinishReason != "" {
		a.between = true
	}
	return p, p.content != "" || p.calls != nil || !mine && content != "" || calls && !a.tools
}

// speaks reports whether a chunk is from the target that the client asked.
func (a *answer) speaks(ark engineArk) bool {
	if !a.team {
		return true
	}
	name := ark.Agent[strings.LastIndexByte(ark.Agent, '/')+1:]
	return a.speaker != "" && name == a.speaker
}

type indexed struct {
	Index *int   `json:"index"`
	ID    string `json:"id"`
}

// repeats reports whether tool calls have already been sent in parts: some engines send them again
// as a whole.
func (a *answer) repeats(raw json.RawMessage) bool {
	var calls []indexed
	if !a.between || json.Unmarshal(raw, &calls) != nil || len(calls) == 0 {
		return false
	}
	for i, c := range calls {
		if c.Index != nil {
			i = *c.Index
		}
		if c.ID == "" || !a.calls[i] {
			return false
		}
	}
	return true
}

// note records tool calls that are sent.
func (a *answer) note(raw json.RawMessage) {
	var calls []indexed
	if json.Unmarshal(raw, &calls) != nil {
		return
	}
	if a.calls == nil {
		a.calls = map[int]bool{}
	}
	for i, c := range calls {
		if c.Index != nil {
			i = *c.Index
		}
		a.calls[i] = true
		a.called = true
	}
}

// rest returns the part of the answer that is missing at the end of a Query that is done.
func (a *answer) rest(q *v1alpha1.Query) part {
	content := contentOf(q)
	var p part
	last := a.segment.String()
	switch {
	case a.all && a.said.Len() > 0, content == last, strings.HasSuffix(a.said.String(), content):
	case last != "" && strings.HasPrefix(content, last):
		p.content = content[len(last):]
	case a.said.Len() > 0:
		p.content = "\n\n" + content
	default:
		p.content = content
	}
	if a.tools && !a.called {
		if calls := callsOf(q); calls != nil {
			p.calls, a.called = numbered(calls), true
		}
	}
	a.said.WriteString(p.content)
	return p
}

// finish returns the finish reason of the answer.
func (a *answer) finish() string {
	switch {
	case a.called:
		return "tool_calls"
	case a.reason == "length", a.reason == "content_filter":
		return a.reason
	}
	return "stop"
}

func present(raw json.RawMessage) bool {
	return len(raw) > 0 && string(raw) != "null" && string(raw) != "[]"
}

// within adds a field to an object, or to a new object if there is none.
func within(object json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields[name] = value
	return encode(fields)
}

func contentOf(q *v1alpha1.Query) string {
	if q.Status == nil || q.Status.Response == nil || q.Status.Response.Content == nil {
		return ""
	}
	return *q.Status.Response.Content
}

// callsOf returns the tool calls of a Query's last message, if it has any.
func callsOf(q *v1alpha1.Query) []json.RawMessage {
	if q.Status == nil || q.Status.Response == nil || q.Status.Response.Raw == nil {
		return nil
	}
	var messages []struct {
		Role  string            `json:"role"`
		Calls []json.RawMessage `json:"tool_calls"`
	}
	if json.Unmarshal([]byte(*q.Status.Response.Raw), &messages) != nil || len(messages) == 0 {
		return nil
	}
	return messages[len(messages)-1].Calls
}

// numbered adds to tool calls the index that they have in a stream.
func numbered(calls []json.RawMessage) json.RawMessage {
	out := make([]json.RawMessage, len(calls))
	for i, c := range calls {
		out[i] = within(c, "index", encode(i))
	}
	return encode(out)
}

// usageOf returns the token usage of a Query, or nil if it is not known.
func usageOf(q *v1alpha1.Query) *usage {
	if q.Status == nil || q.Status.TokenUsage == nil {
		return nil
	}
	t := q.Status.TokenUsage
	number := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	out := &usage{Prompt: number(t.PromptTokens), Completion: number(t.CompletionTokens), Total: number(t.TotalTokens)}
	if t.CachedTokens != nil {
		out.Details = &usageDetails{Cached: *t.CachedTokens}
	}
	return out
}

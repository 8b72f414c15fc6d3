package chat

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// responseFormat writes responses. Each request has its own.
type responseFormat struct {
	asked    responseAsked
	input    []json.RawMessage
	messages []json.RawMessage

	response response
	// sequence is the number of the next event. Events below skip are not sent, except the last one.
	sequence, skip int
	output         []outputItem
	// message is the index of the message in the output, and calls maps indexes of calls in the
	// model's answer to indexes in the output.
	message *int
	calls   map[int]int
	said    strings.Builder
}

// made implements format: it stores the response, and answers a client that does not wait.
func (f *responseFormat) made(x *exchange) (over bool, fault *Fault) {
	if len(x.asked.tools) == 0 {
		f.asked.Tools = []json.RawMessage{}
	}
	f.response = response{id: responsePrefix + string(x.query.UID), query: x.query, kept: keptResponse{
		Namespace: x.query.Namespace, Query: x.query.Name, User: x.who.user.GetName(), Target: x.to.id(), Asked: f.asked, Input: f.input, Messages: f.messages,
	}}
	if f.asked.Store {
		if fault := f.keep(x); fault != nil {
			if !x.again {
				x.server.cancel(x.r.Context(), x.query)
			}
			return false, fault
		}
	}
	if x.asked.background && !x.asked.stream {
		writeJSON(x.w, f.response.resource())
		return true, nil
	}
	return false, nil
}

// keep stores the response, unless an earlier request with the same key has stored it.
func (f *responseFormat) keep(x *exchange) *Fault {
	uid := string(x.query.UID)
	if x.again {
		if data, err := x.server.options.Responses.Get(x.r.Context(), uid); err == nil && data != nil {
			return nil
		}
	}
	if err := x.server.options.Responses.Keep(x.r.Context(), uid, encode(f.response.kept)); err != nil {
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	return nil
}

// fits refuses a response that is too long to be stored.
func (f *responseFormat) fits() *Fault {
	size := 0
	for _, list := range [][]json.RawMessage{f.messages, f.input, f.asked.Tools} {
		for _, raw := range list {
			size += len(raw)
		}
	}
	if f.asked.Store && size > maxKept {
		return invalid("previous_response_id", "context_length_exceeded", "the conversation has %d bytes, and %d can be kept: begin a new one, or send store false", size, maxKept)
	}
	return nil
}

// event sends an event of a type, unless the client already has it.
func (f *responseFormat) event(x *exchange, kind string, fields map[string]any) error {
	number := f.sequence
	f.sequence++
	if number < f.skip {
		if !ending[kind] {
			return nil
		}
		number = f.skip
	}
	fields["type"], fields["sequence_number"] = kind, number
	return x.events.Event(kind, encode(fields))
}

// ending are the events that end a stream. They contain the whole response.
var ending = map[string]bool{"response.completed": true, "response.incomplete": true, "response.failed": true}

// start implements format.
func (f *responseFormat) start(x *exchange) error {
	for _, kind := range []string{"response.created", "response.in_progress"} {
		if err := f.event(x, kind, map[string]any{"response": f.response.describe(statusRunning, nil, "", nil)}); err != nil {
			return err
		}
	}
	return nil
}

// part implements format.
func (f *responseFormat) part(x *exchange, p part) error {
	if p.content != "" {
		if err := f.text(x, p.content); err != nil {
			return err
		}
	}
	if p.calls == nil {
		return nil // the text of other team members is not part of a response
	}
	var calls []struct {
		Index *int `json:"index"`
		wireCall
	}
	if json.Unmarshal(p.calls, &calls) != nil {
		return nil // it is not a call in OpenAI's form
	}
	for i, c := range calls {
		if c.Index != nil {
			i = *c.Index
		}
		if err := f.call(x, i, c.wireCall); err != nil {
			return err
		}
	}
	return nil
}

func (f *responseFormat) uid() string { return string(f.response.query.UID) }

// add begins an item.
func (f *responseFormat) add(x *exchange, item outputItem) error {
	f.output = append(f.output, item)
	return f.event(x, "response.output_item.added", map[string]any{"output_index": len(f.output) - 1, "item": item})
}

func (f *responseFormat) text(x *exchange, content string) error {
	if f.message == nil {
		at := len(f.output)
		f.message = &at
		if err := f.add(x, newMessageItem(f.uid(), at)); err != nil {
			return err
		}
		if err := f.event(x, "response.content_part.added", f.place(at, map[string]any{"part": newOutputText("")})); err != nil {
			return err
		}
	}
	f.said.WriteString(content)
	return f.event(x, "response.output_text.delta", f.place(*f.message, map[string]any{"delta": content, "logprobs": []int{}}))
}

// place adds the position of a part of a message.
func (f *responseFormat) place(at int, fields map[string]any) map[string]any {
	maps.Copy(fields, map[string]any{"item_id": f.output[at].ID, "output_index": at, "content_index": 0})
	return fields
}

func (f *responseFormat) call(x *exchange, index int, c wireCall) error {
	at, known := f.calls[index]
	if !known {
		if f.calls == nil {
			f.calls = map[int]int{}
		}
		at = len(f.output)
		f.calls[index] = at
		if err := f.add(x, newCallItem(f.uid(), at, c.ID, c.Function.Name)); err != nil {
			return err
		}
	}
	if c.Function.Arguments == "" {
		return nil
	}
	arguments := *f.output[at].Arguments + c.Function.Arguments
	f.output[at].Arguments = &arguments
	return f.event(x, "response.function_call_arguments.delta", map[string]any{"item_id": f.output[at].ID, "output_index": at, "delta": c.Function.Arguments})
}

// last implements format.
func (f *responseFormat) last(x *exchange) error {
	f.response.query = x.query
	if len(f.output) == 0 { // an answer without text
		if err := f.text(x, ""); err != nil {
			return err
		}
	}
	status, kind, incomplete := statusCompleted, "response.completed", f.incomplete(x)
	if incomplete != "" {
		status, kind = statusIncomplete, "response.incomplete"
	}
	for at := range f.output {
		if err := f.close(x, at, status); err != nil {
			return err
		}
	}
	return f.event(x, kind, map[string]any{"response": f.response.describe(status, f.output, incomplete, nil)})
}

// close ends an item.
func (f *responseFormat) close(x *exchange, at int, status string) error {
	item := &f.output[at]
	item.Status = status
	if item.Type == "message" {
		whole := newOutputText(f.said.String())
		item.Content = []outputText{whole}
		if err := f.event(x, "response.output_text.done", f.place(at, map[string]any{"text": whole.Text, "logprobs": []int{}})); err != nil {
			return err
		}
		if err := f.event(x, "response.content_part.done", f.place(at, map[string]any{"part": whole})); err != nil {
			return err
		}
	} else if err := f.event(x, "response.function_call_arguments.done", map[string]any{"item_id": item.ID, "output_index": at, "name": *item.Name, "arguments": *item.Arguments}); err != nil {
		return err
	}
	return f.event(x, "response.output_item.done", map[string]any{"output_index": at, "item": *item})
}

// incomplete returns why an answer was cut off, "" if it was not.
func (f *responseFormat) incomplete(x *exchange) string {
	switch x.answer.finish() {
	case "length":
		return "max_output_tokens"
	case "content_filter":
		return "content_filter"
	}
	return ""
}

// whole implements format.
func (f *responseFormat) whole(x *exchange) {
	f.response.query = x.query
	status, incomplete := statusCompleted, f.incomplete(x)
	if incomplete != "" {
		status = statusIncomplete
	}
	output := f.asked.visible(outputOf(x.query))
	for i := range output {
		output[i].Status = status
	}
	writeJSON(x.w, f.response.describe(status, output, incomplete, nil))
}

// visible removes the calls of an agent, which are not the client's.
func (a *responseAsked) visible(items []outputItem) []outputItem {
	if len(a.Tools) > 0 {
		return items
	}
	return slices.DeleteFunc(items, func(i outputItem) bool { return i.Type == "function_call" })
}

// fault implements format.
func (f *responseFormat) fault(x *exchange, fault *Fault) error {
	status, code := statusFailed, "server_error"
	if fault.Code != nil {
		code = *fault.Code
	}
	for at := range f.output {
		f.output[at].Status = statusIncomplete
		if f.output[at].Type == "message" {
			f.output[at].Content = []outputText{newOutputText(f.said.String())}
		}
	}
	if q := x.query; q.Status != nil && q.Status.Phase != nil && *q.Status.Phase == v1alpha1.QueryCanceled {
		status = statusCancelled
	}
	return f.event(x, "response.failed", map[string]any{"response": f.response.describe(status, f.output, "", &responseError{code, fault.Message})})
}

package chat

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const responsesPath = "/v1/responses"

type rawResponse struct {
	ID       string
	Object   string
	Status   string
	Output   []rawItem
	Error    *struct{ Code, Message string }
	Usage    map[string]any
	Previous *string `json:"previous_response_id"`
}

type rawItem struct {
	ID, Type, Status, Role, Name, Arguments string
	CallID                                  string `json:"call_id"`
	Content                                 []struct{ Type, Text string }
}

func (r *rawResponse) text() string {
	var out strings.Builder
	for _, i := range r.Output {
		for _, c := range i.Content {
			out.WriteString(c.Text)
		}
	}
	return out.String()
}

func parseResponse(t *testing.T, text string) *rawResponse {
	t.Helper()
	r := &rawResponse{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// respond makes a response that is expected to succeed.
func (w *world) respond(t *testing.T, body string) *rawResponse {
	t.Helper()
	code, text := w.call(http.MethodPost, responsesPath, body)
	if code != http.StatusOK {
		t.Fatalf("%s: got %d %s", body, code, text)
	}
	checkResource(t, text)
	return parseResponse(t, text)
}

// responseFields are what the specification of Open Responses wants of a response, with the type of
// each; more than one where it may be null.
var responseFields = map[string]string{
	"id": "string", "object": "string", "created_at": "number", "completed_at": "number null", "status": "string", "incomplete_details": "object null",
	"model": "string", "previous_response_id": "string null", "instructions": "string null", "output": "array", "error": "object null", "tools": "array",
	"tool_choice": "string object", "truncation": "string", "parallel_tool_calls": "bool", "text": "object", "top_p": "number", "presence_penalty": "number",
	"frequency_penalty": "number", "top_logprobs": "number", "temperature": "number", "reasoning": "object null", "usage": "object null",
	"max_output_tokens": "number null", "max_tool_calls": "number null", "store": "bool", "background": "bool", "service_tier": "string",
	"metadata": "object", "safety_identifier": "string null", "prompt_cache_key": "string null",
}

var itemFields = map[string]map[string]string{
	"message":       {"id": "string", "status": "string", "role": "string", "content": "array"},
	"function_call": {"id": "string", "status": "string", "call_id": "string", "name": "string", "arguments": "string"},
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func checkFields(t *testing.T, what string, got map[string]any, want map[string]string) {
	t.Helper()
	for name, types := range want {
		if v, there := got[name]; !there || !slices.Contains(strings.Fields(types), typeName(v)) {
			t.Errorf("%s: the field %s is %v, want %s", what, name, v, types)
		}
	}
}

// checkResource has a response be what the specification says.
func checkResource(t *testing.T, text string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	checkFields(t, "response", got, responseFields)
	output, _ := got["output"].([]any)
	for _, raw := range output {
		item, _ := raw.(map[string]any)
		kind, _ := item["type"].(string)
		checkFields(t, kind, item, itemFields[kind])
		if content, ok := item["content"].([]any); ok {
			for _, part := range content {
				checkFields(t, "part", part.(map[string]any), map[string]string{"type": "string", "text": "string", "annotations": "array", "logprobs": "array"})
			}
		}
	}
	tools, _ := got["tools"].([]any)
	for _, tool := range tools {
		checkFields(t, "tool", tool.(map[string]any), map[string]string{"type": "string", "name": "string", "description": "string null", "parameters": "object null", "strict": "bool null"})
	}
	if usage, ok := got["usage"].(map[string]any); ok {
		checkFields(t, "usage", usage, map[string]string{"input_tokens": "number", "output_tokens": "number", "total_tokens": "number", "input_tokens_details": "object", "output_tokens_details": "object"})
	}
}

// eventFields are the fields of events in addition to type and sequence_number.
var eventFields = map[string]map[string]string{
	"response.created": {"response": "object"}, "response.in_progress": {"response": "object"}, "response.completed": {"response": "object"}, "response.failed": {"response": "object"},
	"response.output_item.added":             {"output_index": "number", "item": "object"},
	"response.output_item.done":              {"output_index": "number", "item": "object"},
	"response.content_part.added":            {"item_id": "string", "output_index": "number", "content_index": "number", "part": "object"},
	"response.content_part.done":             {"item_id": "string", "output_index": "number", "content_index": "number", "part": "object"},
	"response.output_text.delta":             {"item_id": "string", "output_index": "number", "content_index": "number", "delta": "string", "logprobs": "array"},
	"response.output_text.done":              {"item_id": "string", "output_index": "number", "content_index": "number", "text": "string", "logprobs": "array"},
	"response.function_call_arguments.delta": {"item_id": "string", "output_index": "number", "delta": "string"},
	"response.function_call_arguments.done":  {"item_id": "string", "output_index": "number", "name": "string", "arguments": "string"},
}

// streamed is what a stream of a response has come to.
type streamed struct {
	kinds []string
	text  string
	// arguments are those of calls, by the deltas.
	arguments string
	last      *rawResponse
}

// streamResponse reads a stream, each event of which is to be what the specification says.
func (w *world) streamResponse(t *testing.T, body string) streamed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	response := w.request(ctx, http.MethodPost, responsesPath, strings.NewReader(body))
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s, %v", response.StatusCode, text, err)
	}
	var s streamed
	blocks := strings.Split(strings.TrimSuffix(string(text), "\n\n"), "\n\n")
	if blocks[len(blocks)-1] != "data: [DONE]" {
		t.Fatalf("the stream ends with %q", blocks[len(blocks)-1])
	}
	for i, block := range blocks[:len(blocks)-1] {
		name, data, ok := strings.Cut(block, "\n")
		var event map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &event); err != nil || !ok {
			t.Fatalf("the event %q: %v", block, err)
		}
		kind, _ := event["type"].(string)
		if name != "event: "+kind || event["sequence_number"] != float64(i) || eventFields[kind] == nil {
			t.Errorf("event %d is %q", i, block)
		}
		checkFields(t, kind, event, eventFields[kind])
		if whole, ok := event["response"]; ok {
			encoded, _ := json.Marshal(whole)
			checkResource(t, string(encoded))
			s.last = parseResponse(t, string(encoded))
		}
		delta, _ := event["delta"].(string)
		switch kind {
		case "response.output_text.delta":
			s.text += delta
		case "response.function_call_arguments.delta":
			s.arguments += delta
		}
		if len(s.kinds) == 0 || s.kinds[len(s.kinds)-1] != kind {
			s.kinds = append(s.kinds, kind)
		}
	}
	return s
}

const weatherTool = `"tools":[{"type":"function","name":"weather","description":"The weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]`

// image is a PNG of one pixel.
const image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// testCompliance has the cases of Open Responses' compliance test, each without a stream and with
// one.
func testCompliance(t *testing.T, w *world) {
	message := func(role, content string) string {
		return `{"type":"message","role":"` + role + `","content":"` + content + `"}`
	}
	for _, c := range []struct{ name, body, text, kind string }{
		{"basic text", `"input":[` + message("user", "hello") + `]`, "You said: hello", "message"},
		{"text alone", `"input":"hello"`, "You said: hello", "message"},
		{"system prompt", `"input":[` + message("system", "Be a pirate.") + `,` + message("user", "count") + `]`, "system=Be a pirate.; user=count", "message"},
		{"instructions", `"instructions":"Be a pirate.","input":"count"`, "system=Be a pirate.; user=count", "message"},
		{"tool calling", `"input":[` + message("user", "call it") + `],` + weatherTool, "", "function_call"},
		{"image input", `"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"` + image + `"}]}]`, `You said: [{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"` + image + `"}}]`, "message"},
		{"multi-turn", `"input":[` + message("user", "one") + `,` + message("assistant", "two") + `,` + message("user", "count") + `]`, "user=one; assistant=two; user=count", "message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := `{"model":"model/default",` + c.body + `}`
			r := w.respond(t, body)
			if r.Status != "completed" || len(r.Output) != 1 || r.Output[0].Type != c.kind || r.text() != c.text || r.Usage["total_tokens"] == 0.0 || r.Object != "response" {
				t.Errorf("got %+v", r)
			}
			s := w.streamResponse(t, strings.Replace(body, "{", `{"stream":true,`, 1))
			if s.last.Status != "completed" || s.text != c.text || s.last.text() != c.text || s.last.Output[0].Type != c.kind {
				t.Errorf("the stream is %+v, at last %+v", s, s.last)
			}
			want := "created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed"
			if c.kind == "function_call" {
				want = "created in_progress output_item.added function_call_arguments.delta function_call_arguments.done output_item.done completed"
				if s.arguments != `{"city":"Oslo"}` || s.last.Output[0].Arguments != s.arguments || s.last.Output[0].Name != "weather" || s.last.Output[0].CallID != "call-1" {
					t.Errorf("the call is %+v", s.last.Output)
				}
			}
			if got := strings.ReplaceAll(strings.Join(s.kinds, " "), "response.", ""); got != want {
				t.Errorf("the events are %s", got)
			}
		})
	}
}

// testResponses goes on from responses, reads, cancels and deletes them.
func testResponses(t *testing.T, w *world) {
	first := w.respond(t, `{"model":"agent/guide","input":"my name is Ada","instructions":"Be kind."}`)
	second := w.respond(t, `{"model":"agent/guide","input":"count","previous_response_id":"`+first.ID+`"}`)
	// The instructions of an earlier response do not hold for a later one.
	if want := "system=You are the guide.; user=my name is Ada; assistant=You said: my name is Ada; user=count"; second.text() != want || second.Previous == nil || *second.Previous != first.ID {
		t.Errorf("got %+v", second)
	}
	third := w.streamResponse(t, `{"model":"agent/guide","stream":true,"input":"count again","previous_response_id":"`+second.ID+`"}`)
	if !strings.Contains(third.text, "user=my name is Ada; assistant=You said: my name is Ada; user=count; assistant=") || !strings.HasSuffix(third.text, "; user=count again") {
		t.Errorf("got %q", third.text)
	}

	// A call and its result, by previous_response_id.
	called := w.respond(t, `{"model":"model/default","input":"call it",`+weatherTool+`}`)
	result := w.respond(t, `{"model":"model/default","input":[{"type":"function_call_output","call_id":"`+called.Output[0].CallID+`","output":"rain"}],"previous_response_id":"`+called.ID+`",`+weatherTool+`}`)
	if result.text() != "You said: rain" {
		t.Errorf("got %+v", result)
	}
	requests := w.model.Requests()
	if body := string(requests[len(requests)-1].Body); !strings.Contains(body, `"tool_call_id":"call-1"`) || !strings.Contains(body, `"name":"weather"`) {
		t.Errorf("the model was sent %s", body)
	}

	get := func(id, key string) (int, string) {
		return w.call(http.MethodGet, responsesPath+"/"+id, "", "Authorization", "Bearer "+key)
	}
	code, text := get(first.ID, w.key)
	if kept := parseResponse(t, text); code != http.StatusOK || kept.text() != first.text() || kept.Status != "completed" || kept.ID != first.ID {
		t.Errorf("got %d %s", code, text)
	}
	checkResource(t, text)
	if code, text := w.call(http.MethodGet, responsesPath+"/"+first.ID+"/input_items", ""); code != http.StatusOK || !strings.Contains(text, "my name is Ada") || !strings.Contains(text, `"object":"list"`) {
		t.Errorf("got %d %s", code, text)
	}
	// A key sees only what it is for.
	for _, key := range []string{w.newKey("elsewhere"), w.newKey("default", "agent/editor")} {
		if code, text := get(first.ID, key); code != http.StatusNotFound || !strings.Contains(text, "response_not_found") {
			t.Errorf("got %d %s", code, text)
		}
		body := `{"model":"agent/editor","input":"x","previous_response_id":"` + first.ID + `"}`
		if code, text := w.call(http.MethodPost, responsesPath, body, "Authorization", "Bearer "+key); code == http.StatusOK || strings.Contains(text, "Ada") {
			t.Errorf("got %d %s", code, text)
		}
	}

	code, text = w.call(http.MethodDelete, responsesPath+"/"+first.ID, "")
	if code != http.StatusOK || text != `{"deleted":true,"id":"`+first.ID+`","object":"response"}`+"\n" {
		t.Errorf("got %d %s", code, text)
	}
	for _, id := range []string{first.ID, "resp_none", "x"} {
		if code, text := get(id, w.key); code != http.StatusNotFound || !strings.Contains(text, "response_not_found") {
			t.Errorf("%s: got %d %s", id, code, text)
		}
	}
	if code, _ := w.call(http.MethodGet, queriesPath("queries", w.nameOf(second.ID)), ""); code != http.StatusOK {
		t.Errorf("the query of another response is %d", code)
	}
	if code, text := w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","input":"x","previous_response_id":"`+first.ID+`"}`); code != http.StatusBadRequest || !strings.Contains(text, "previous_response_not_found") {
		t.Errorf("got %d %s", code, text)
	}
	// What is not to be stored is not there afterwards.
	if code, _ := get(w.respond(t, `{"model":"agent/guide","input":"x","store":false}`).ID, w.key); code != http.StatusNotFound {
		t.Errorf("a response that is not stored is %d", code)
	}

	// In the background: it is there at once, and ends when it is canceled.
	code, text = w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","input":"hang in the background","background":true}`)
	hanging := parseResponse(t, text)
	if code != http.StatusOK || hanging.Status != "queued" && hanging.Status != "in_progress" {
		t.Fatalf("got %d %s", code, text)
	}
	if code, text = w.call(http.MethodPost, responsesPath+"/"+hanging.ID+"/cancel", ""); code != http.StatusOK || parseResponse(t, text).Status != "cancelled" {
		t.Errorf("got %d %s", code, text)
	}
	if code, text := w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","input":"fail"}`); code != http.StatusInternalServerError || !strings.Contains(text, "the model does not like that") {
		t.Errorf("got %d %s", code, text)
	}
	if code, text := w.call(http.MethodPatch, responsesPath+"/"+second.ID, "{}"); code != http.StatusMethodNotAllowed {
		t.Errorf("got %d %s", code, text)
	}
}

// nameOf returns the name of the Query of a response.
func (w *world) nameOf(id string) string {
	w.t.Helper()
	_, text := w.call(http.MethodGet, responsesPath+"/"+id, "")
	var r struct {
		Ark struct{ Name string }
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		w.t.Fatal(err)
	}
	return r.Ark.Name
}

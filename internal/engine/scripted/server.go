package scripted

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRequest is the most bytes of a request that are read.
const maxRequest = 64 << 20

// Request is a request to the model.
type Request struct {
	Path     string            `json:"-"`
	Header   http.Header       `json:"-"`
	Model    string            `json:"model"`
	Messages []Message         `json:"messages"`
	Tools    []json.RawMessage `json:"tools"`
	Stream   bool              `json:"stream"`
	// Body is the whole request.
	Body json.RawMessage `json:"-"`
}

// Message is a message of a request.
type Message struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// Text returns the content of a message if it is a string, or its JSON.
func (m Message) Text() string {
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text
	}
	return string(m.Content)
}

// Last returns the text of the last message.
func (r Request) Last() string {
	if len(r.Messages) == 0 {
		return ""
	}
	return r.Messages[len(r.Messages)-1].Text()
}

// Call is a tool call of an answer.
type Call struct{ ID, Name, Arguments string }

// Answer is the model's answer to one request.
type Answer struct {
	Text  string
	Calls []Call
	// Status, if not 0, fails the request with the body Text and the header RetryAfter.
	Status     int
	RetryAfter string
	// Hang withholds the answer until the client disconnects.
	Hang bool
	// Break ends the stream in the middle.
	Break bool
	// Stall withholds the second half of a stream until the client disconnects.
	Stall bool
	// Until, if not nil, withholds the second half of a stream until the channel is closed.
	Until <-chan struct{}
	// Pieces is the number of deltas for the text of a stream, and for the arguments of each call; 0
	// for two of the text and one of the arguments. Pause is the time between the deltas of the text.
	Pieces int
	Pause  time.Duration
}

// Server is the model. It is an http.Handler, safe for concurrent use.
type Server struct {
	// Script returns the answer to a request; it is called by many goroutines.
	Script func(Request) Answer

	mu       sync.Mutex
	requests []Request
	keep     bool
	count    int
}

// New returns a model that answers by a script and records every request.
func New(script func(Request) Answer) *Server { return &Server{Script: script, keep: true} }

// NewForgetful returns a model that counts requests without recording them.
func NewForgetful(script func(Request) Answer) *Server { return &Server{Script: script} }

// Requests returns the recorded requests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Count returns the number of requests.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/models") {
		writeJSON(w, map[string]any{"object": "list", "data": []map[string]string{{"id": "scripted", "object": "model"}}})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := Request{Path: r.URL.RequestURI(), Header: r.Header, Body: body}
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.count++
	if s.keep {
		s.requests = append(s.requests, request)
	}
	s.mu.Unlock()
	answer := s.Script(request)
	for i := range answer.Calls {
		if answer.Calls[i].ID == "" {
			answer.Calls[i].ID = "call-" + strconv.Itoa(i+1)
		}
	}
	switch {
	case answer.Hang:
		<-r.Context().Done()
	case answer.Status != 0:
		if answer.RetryAfter != "" {
			w.Header().Set("Retry-After", answer.RetryAfter)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Status)
		writeJSON(w, map[string]any{"message": answer.Text, "error": map[string]string{"message": answer.Text}})
	case strings.HasSuffix(r.URL.Path, "/messages"):
		s.anthropic(w, answer)
	case strings.HasSuffix(r.URL.Path, "/converse-stream"):
		s.bedrock(w, answer)
	case request.Stream:
		s.chunks(w, r, request, answer)
	default:
		s.whole(w, request, answer)
	}
}

// tokens returns a count that depends only on the text.
func tokens(text string) int { return len(strings.Fields(text)) }

func usage(r Request, a Answer) map[string]int {
	prompt := 0
	for _, m := range r.Messages {
		prompt += tokens(m.Text())
	}
	completion := tokens(a.Text) + len(a.Calls)
	return map[string]int{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
}

func finish(a Answer) string {
	if len(a.Calls) > 0 {
		return "tool_calls"
	}
	return "stop"
}

func calls(a Answer, indexed bool) []map[string]any {
	var out []map[string]any
	for i, c := range a.Calls {
		call := map[string]any{"id": c.ID, "type": "function", "function": map[string]string{"name": c.Name, "arguments": c.Arguments}}
		if indexed {
			call["index"] = i
		}
		out = append(out, call)
	}
	return out
}

func (s *Server) whole(w http.ResponseWriter, r Request, a Answer) {
	message := map[string]any{"role": "assistant", "content": a.Text}
	if len(a.Calls) > 0 {
		message["tool_calls"] = calls(a, false)
	}
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, map[string]any{
		"id": "chatcmpl-scripted", "object": "chat.completion", "model": r.Model, "usage": usage(r, a),
		"choices": []map[string]any{{"index": 0, "message": message, "finish_reason": finish(a)}},
	})
}

func (s *Server) chunks(w http.ResponseWriter, from *http.Request, r Request, a Answer) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta map[string]any, finish any, usage any) {
		chunk := map[string]any{"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": r.Model, "choices": []any{}}
		if delta != nil {
			chunk["choices"] = []map[string]any{{"index": 0, "delta": delta, "finish_reason": finish}}
		}
		if usage != nil {
			chunk["usage"] = usage
		}
		event(w, "", chunk)
	}
	text := pieces(a.Text, max(a.Pieces, 2))
	send(map[string]any{"role": "assistant", "content": text[0]}, nil, nil)
	if a.Break {
		return
	}
	if a.Stall {
		<-from.Context().Done()
		return
	}
	if a.Until != nil {
		select {
		case <-a.Until:
		case <-from.Context().Done():
			return
		}
	}
	for _, piece := range text[1:] {
		if a.Pause > 0 && !wait(from, a.Pause) {
			return
		}
		send(map[string]any{"content": piece}, nil, nil)
	}
	for i, call := range calls(a, true) {
		if a.Pieces > 1 {
			call["function"] = map[string]string{"name": a.Calls[i].Name, "arguments": ""}
		}
		send(map[string]any{"tool_calls": []any{call}}, nil, nil)
		if a.Pieces > 1 {
			for _, piece := range pieces(a.Calls[i].Arguments, a.Pieces) {
				send(map[string]any{"tool_calls": []any{map[string]any{"index": i, "function": map[string]string{"arguments": piece}}}}, nil, nil)
			}
		}
	}
	send(map[string]any{}, finish(a), nil)
	send(nil, nil, usage(r, a))
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n") // the client may be gone
}

// pieces splits a text into up to n parts, between its characters. The first may be empty, the
// others are not.
func pieces(text string, n int) []string {
	out := []string{}
	for left := n; left > 1; left-- {
		at := len(strings.ToValidUTF8(text[:len(text)/left], ""))
		if at > 0 || len(out) == 0 {
			out = append(out, text[:at])
		}
		text = text[at:]
	}
	if text != "" || len(out) == 0 {
		out = append(out, text)
	}
	return out
}

// wait reports whether the client is still connected after d.
func wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Server) anthropic(w http.ResponseWriter, a Answer) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind string, data map[string]any) {
		data["type"] = kind
		event(w, kind, data)
	}
	send("message_start", map[string]any{"message": map[string]any{"usage": map[string]int{"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}}})
	at := 0
	block := func(content, delta map[string]any) {
		send("content_block_start", map[string]any{"index": at, "content_block": content})
		send("content_block_delta", map[string]any{"index": at, "delta": delta})
		send("content_block_stop", map[string]any{"index": at})
		at++
	}
	if a.Text != "" {
		block(map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": a.Text})
	}
	if a.Break {
		return
	}
	for _, c := range a.Calls {
		block(map[string]any{"type": "tool_use", "id": c.ID, "name": c.Name, "input": map[string]any{}}, map[string]any{"type": "input_json_delta", "partial_json": c.Arguments})
	}
	reason := "end_turn"
	if len(a.Calls) > 0 {
		reason = "tool_use"
	}
	send("message_delta", map[string]any{"delta": map[string]string{"stop_reason": reason}, "usage": map[string]int{"output_tokens": 3}})
	send("message_stop", map[string]any{})
}

func event(w http.ResponseWriter, name string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		return // never fails: maps of strings and numbers always marshal
	}
	if name != "" {
		_, _ = fmt.Fprintf(w, "event: %s\n", name)
	}
	_, _ = fmt.Fprintf(w, "data: %s\n\n", text) // the client may be gone
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
}

func writeJSON(w io.Writer, data any) {
	_ = json.NewEncoder(w).Encode(data) // the client may be gone
}

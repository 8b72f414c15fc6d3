package chat

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// events reads a stream as the strictest clients do: lines are data, comments or empty, and nothing
// else.
func events(t *testing.T, body io.Reader) []string {
	t.Helper()
	var out []string
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		data, isData := strings.CutPrefix(line, "data: ")
		switch {
		case isData:
			out = append(out, data)
		case line != "" && !strings.HasPrefix(line, ":"):
			t.Errorf("a line that breaks clients: %q", line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

type rawChunk struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Model   string `json:"model"`
	Created int64  `json:"created"`
	Choices []struct {
		Index        *int `json:"index"`
		Delta        map[string]any
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage json.RawMessage            `json:"usage"`
	Ark   map[string]json.RawMessage `json:"ark"`
	Error *struct {
		Message, Type string
		Code          *string
	} `json:"error"`
}

func testRaw(t *testing.T, w *world) {
	for _, usage := range []bool{false, true} {
		body := `{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"hello"}]}`
		if usage {
			body = strings.Replace(body, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		response := w.request(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
		got := events(t, response.Body)
		response.Body.Close()
		cancel()
		for name, want := range map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no", "X-Should-Retry": "false", "Content-Encoding": ""} {
			if value := response.Header.Get(name); value != want {
				t.Errorf("%s is %q", name, value)
			}
		}
		if response.Header.Get("X-Request-Id") == "" || !strings.HasPrefix(response.Header.Get("X-Ark-Query"), "default/chat-") || response.ContentLength >= 0 {
			t.Errorf("the header is %v", response.Header)
		}
		if got[len(got)-1] != "[DONE]" {
			t.Fatalf("the stream ends with %q", got[len(got)-1])
		}
		text, finishes, usages := "", 0, 0
		var first rawChunk
		for i, data := range got[:len(got)-1] {
			var c rawChunk
			if err := json.Unmarshal([]byte(data), &c); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if i == 0 {
				first = c
				if c.Choices[0].Delta["role"] != "assistant" || c.Choices[0].Delta["content"] != "" {
					t.Errorf("the first chunk is %s", data)
				}
			}
			if c.ID != first.ID || c.Model != "agent/guide" || c.Created != first.Created || c.Object != "chat.completion.chunk" {
				t.Errorf("the chunk is of another answer: %s", data)
			}
			if hasUsage := len(c.Usage) > 0; hasUsage != usage {
				t.Errorf("usage is there: %v, in %s", hasUsage, data)
			}
			if len(c.Choices) == 0 {
				if usages++; !usage || i != len(got)-2 || !strings.Contains(string(c.Usage), "total_tokens") {
					t.Errorf("a chunk without choices: %s", data)
				}
				continue
			}
			if part, ok := c.Choices[0].Delta["content"].(string); ok {
				text += part
			}
			if c.Choices[0].FinishReason != nil {
				finishes++
				if len(c.Ark["completedQuery"]) == 0 {
					t.Errorf("the last chunk has no query: %s", data)
				}
			}
		}
		if text != "You said: hello" || finishes != 1 || usage != (usages == 1) {
			t.Errorf("got %q, %d finish reasons, %d usages", text, finishes, usages)
		}
	}
}

// testFaults: each fault is an error in OpenAI's form, with its status.
func testFaults(t *testing.T, w *world) {
	ask := func(body string) (int, string) { return w.call(http.MethodPost, "/v1/chat/completions", body) }
	for body, want := range map[string]string{
		`{`:                       "400 invalid_request_error",
		`{"model":"agent/guide"}`: "400 invalid_request_error",
		`{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"fail"}]}`:                                 "500 server_error",
		`{"model":"agent/guide","messages":[{"role":"user","content":"hello"}],"metadata":{"timeout":"soon"}}`:                "400 invalid_request_error",
		`{"model":"none/agent/guide","messages":[{"role":"user","content":"hello"}]}`:                                         "404 not_found_error",
		`{"model":"agent/guide","messages":[{"role":"user","content":"` + strings.Repeat("x", 4<<20) + `"}]}`:                 "413 invalid_request_error",
		`{"model":"agent/guide","messages":[{"role":"user","content":"x"}],"metadata":{"queryAnnotations":"{\"a b\":\"\"}"}}`: "400 invalid_request_error",
	} {
		code, text := ask(body)
		var fault rawChunk
		if err := json.Unmarshal([]byte(text), &fault); err != nil || fault.Error == nil || fault.Error.Message == "" {
			t.Errorf("%.100s: got %d %.200s", body, code, text)
			continue
		}
		if got := fmt.Sprint(code, " ", fault.Error.Type); got != want {
			t.Errorf("%.100s: got %s, want %s: %s", body, got, want, text)
		}
	}
	for path, want := range map[string]int{"/v1/models/agent/guide": 200, "/v1/models/agent%2Fguide": 200, "/openai/v1/models": 200, "/v1/none": 404, "/v1/chat/completions": 405} {
		if code, text := w.call(http.MethodGet, path, ""); code != want {
			t.Errorf("%s: got %d %s", path, code, text)
		}
	}
	// Nobody without a key gets in.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusUnauthorized || !strings.Contains(string(text), "authentication_error") {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
}

// testDisconnect: the query of a client that goes is canceled, unless the client has said
// otherwise.
func testDisconnect(t *testing.T, w *world) {
	for policy, phase := range map[string]string{"": "canceled", "continue": "running"} {
		ctx, leave := context.WithCancel(t.Context())
		before := w.model.Count()
		body := `{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"hang ` + policy + `"}]}`
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/chat/completions", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+w.key)
			r.Header.Set("X-Ark-On-Disconnect", policy)
			if response, err := w.http.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
		for deadline := time.Now().Add(patience); w.model.Count() == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the model was not asked")
			}
		}
		leave()
		<-gone
		name := w.newest("hang " + policy)
		w.awaitQuery(name, phase)
		if policy == "continue" {
			w.call(http.MethodDelete, queriesPath("queries", name), "")
		}
	}
}

// newest returns the name of the Query with an input.
func (w *world) newest(input string) string {
	w.t.Helper()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Input string }
		}
	}
	_, text := w.call(http.MethodGet, queriesPath("queries", ""), "")
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		w.t.Fatal(err)
	}
	for _, q := range list.Items {
		if q.Spec.Input == input {
			return q.Metadata.Name
		}
	}
	w.t.Fatalf("there is no query %q", input)
	return ""
}

// testIdempotency: a request that is sent again with its key is the same one.
func testIdempotency(t *testing.T, w *world) {
	const body = `{"model":"agent/guide","messages":[{"role":"user","content":"once"}]}`
	before := w.model.Count()
	ids := map[string]bool{}
	for range 3 {
		code, text := w.call(http.MethodPost, "/v1/chat/completions", body, "Idempotency-Key", "key-1")
		var answer struct{ ID string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || code != http.StatusOK || !strings.Contains(text, "You said: once") {
			t.Fatalf("got %d %s", code, text)
		}
		ids[answer.ID] = true
	}
	if len(ids) != 1 || w.model.Count() != before+1 {
		t.Errorf("there are %d answers, and the model was asked %d times", len(ids), w.model.Count()-before)
	}
	if code, text := w.call(http.MethodPost, "/v1/chat/completions", strings.Replace(body, "once", "twice", 1), "Idempotency-Key", "key-1"); code != http.StatusUnprocessableEntity || !strings.Contains(text, "idempotency_key_reused") {
		t.Errorf("got %d %s", code, text)
	}
}

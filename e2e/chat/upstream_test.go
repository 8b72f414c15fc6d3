package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// upstreamKey is the provider's, which everybody but the provider is not to see.
const upstreamKey = "sk-upstream-4f1d0c9be7a2"

const (
	// upstreamTimeout is that of the queries whose model does not come to an end.
	upstreamTimeout = 2 * time.Second
	// retryTimeout is that of the others, which may be asked again.
	retryTimeout = 30 * time.Second
)

// upstream is a provider that does what a question says. It repeats the key that it gets where it
// can.
type upstream struct {
	mu    sync.Mutex
	asked map[string]int
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct{ Content string }
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&request) != nil || len(request.Messages) == 0 {
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"m"}]}`)
		return
	}
	key := r.Header.Get("Authorization")
	text := request.Messages[len(request.Messages)-1].Content
	u.mu.Lock()
	u.asked[text]++
	times := u.asked[text]
	u.mu.Unlock()
	fail := func(status int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"message":"not with %s","type":"t"}}`, key)
	}
	send := func(data string) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: "+data+"\n\n")
		_ = http.NewResponseController(w).Flush()
	}
	const half = `{"id":"u","choices":[{"index":0,"delta":{"role":"assistant","content":"half "},"finish_reason":null}]}`
	switch what, _, _ := strings.Cut(text, ":"); what {
	case "limited", "limited once":
		if what == "limited once" && times > 1 {
			send(half)
			send(`{"id":"u","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`)
			send("[DONE]")
			return
		}
		w.Header().Set("Retry-After", "1")
		fail(http.StatusTooManyRequests)
	case "unauthorized":
		fail(http.StatusUnauthorized)
	case "broken":
		fail(http.StatusInternalServerError)
	case "hang":
		<-r.Context().Done()
	case "stall":
		send(half)
		<-r.Context().Done()
	case "cut":
		send(half)
		panic(http.ErrAbortHandler)
	case "page":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>"+key+"</html>")
	case "garbage":
		send(half)
		send("no JSON, but " + key)
	case "error":
		send(half)
		send(`{"error":{"message":"overloaded, ` + key + `","type":"server_error"}}`)
	case "empty":
		w.Header().Set("Content-Type", "text/event-stream")
	}
}

// TestUpstream has a provider fail in each way, with a stream to the client and without one: the
// Query ends as an error, the client gets an error within the Query's timeout, and nobody sees the
// provider's key.
func TestUpstream(t *testing.T) {
	w := newWorld(t, "--engine=embedded", "--http-listen=127.0.0.1:0")
	provider := httptest.NewServer(&upstream{asked: map[string]int{}})
	defer provider.Close()
	defer provider.CloseClientConnections()
	secret := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"upstream"},"stringData":{"key":"` + upstreamKey + `"}}`
	if code, body := w.call(http.MethodPost, "/api/v1/namespaces/default/secrets", secret); code != http.StatusCreated {
		t.Fatalf("got %d %s", code, body)
	}
	w.create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"upstream"},"spec":{"provider":"openai","model":{"value":"m"},"config":{"openai":{"baseUrl":{"value":"` +
		provider.URL + `/v1"},"apiKey":{"valueFrom":{"secretKeyRef":{"name":"upstream","key":"key"}}}}}}}`)
	w.create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"upstream"},"spec":{"prompt":"x","modelRef":{"name":"upstream"}}}`)
	seen := &transcript{}
	t.Run("failures", func(t *testing.T) {
		for _, c := range failures {
			for _, streams := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, stream %t", c.what, streams), func(t *testing.T) {
					t.Parallel()
					w.fail(t, c, streams, seen)
				})
			}
		}
	})
	t.Run("without TLS", w.testWithoutTLS)

	clients := seen.text.String()
	if !strings.Contains(clients, "not with") {
		t.Error("the provider's text has not come")
	}
	for what, text := range map[string]string{"a client": clients, "the log": w.ark.Stderr()} {
		if strings.Contains(text, upstreamKey) {
			t.Errorf("%s sees the provider's key", what)
		}
	}
	if err := w.ark.Stop(); err != nil {
		t.Error(err)
	}
	files := 0
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if files++; bytes.Contains(data, []byte(upstreamKey)) {
			t.Errorf("the file %s has the provider's key", entry.Name())
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

// failure is how a provider fails, and what comes of it.
type failure struct {
	what string
	// said is what a stream has before its error, and message is in that.
	said, message string
	ends          bool // well
}

var failures = []failure{
	{what: "limited", message: "429"},
	{what: "limited once", said: "half ", ends: true},
	{what: "unauthorized", message: "not with"},
	{what: "broken", message: "not with"},
	{what: "hang", message: "2s"},
	{what: "stall", said: "half ", message: "2s"},
	{what: "cut", said: "half ", message: "stream"},
	{what: "page", message: "model"},
	{what: "garbage", said: "half ", message: "chunk"},
	{what: "error", said: "half ", message: "overloaded"},
	{what: "empty", message: "model"},
}

// transcript is what clients have seen.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *transcript) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		s.text.WriteString(text)
	}
}

// fail asks a provider that fails.
func (w *world) fail(t *testing.T, c failure, streams bool, seen *transcript) {
	input := fmt.Sprintf("%s:%t", c.what, streams)
	limit := retryTimeout
	if c.message == "2s" {
		limit = upstreamTimeout
	}
	began := time.Now()
	code, body := w.call(http.MethodPost, "/v1/chat/completions", fmt.Sprintf(
		`{"model":"agent/upstream","stream":%t,"metadata":{"timeout":%q},"messages":[{"role":"user","content":%q}]}`, streams, limit, input))
	took := time.Since(began)
	_, stored := w.call(http.MethodGet, queriesPath("queries", w.newest(input)), "")
	seen.add(body, stored)
	var q struct {
		Status struct {
			Phase    string
			Response struct{ Content string }
		}
	}
	if err := json.Unmarshal([]byte(stored), &q); err != nil {
		t.Fatal(err)
	}
	if took > limit+5*time.Second {
		t.Errorf("the client waits for %s", took)
	}
	if c.ends {
		if code != http.StatusOK || q.Status.Phase != "done" || q.Status.Response.Content != c.said {
			t.Errorf("got %d, %+v, %s", code, q.Status, body)
		}
		return
	}
	said, fault := heard(t, code, body)
	if q.Status.Phase != "error" || !strings.Contains(q.Status.Response.Content, c.message) {
		t.Errorf("the query is %+v", q.Status)
	}
	want := http.StatusInternalServerError
	if streams && c.said != "" {
		want = http.StatusOK // it has begun
	}
	if streams && said != c.said || code != want || !strings.Contains(fault, c.message) {
		t.Errorf("got %d, %q, then %q", code, said, fault)
	}
}

// heard is what a client has got of an answer: its text, and the error.
func heard(t *testing.T, code int, body string) (said, fault string) {
	t.Helper()
	if code != http.StatusOK {
		var c rawChunk
		if err := json.Unmarshal([]byte(body), &c); err != nil || c.Error == nil {
			t.Errorf("got %d %s", code, body)
			return "", ""
		}
		return "", c.Error.Message
	}
	got := events(t, strings.NewReader(body))
	for i, data := range got {
		var c rawChunk
		switch {
		case data == "[DONE]" && i == len(got)-1:
			return said, fault
		case fault != "":
			t.Errorf("after an error comes %s", data)
		case json.Unmarshal([]byte(data), &c) != nil:
			t.Errorf("got %s", data)
		case c.Error != nil:
			fault = c.Error.Message
		case len(c.Choices) > 0:
			part, _ := c.Choices[0].Delta["content"].(string)
			said += part
		}
	}
	t.Errorf("the stream has no end: %q", got)
	return said, fault
}

// testWithoutTLS: at --http-listen the same holds as with TLS: nobody gets in without a token.
func (w *world) testWithoutTLS(t *testing.T) {
	found, err := w.ark.WaitStdout(t.Context(), regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/v1`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"": 401, "wrong": 401, w.key: 200} {
		for method, path := range map[string]string{http.MethodGet: "/v1/models", http.MethodPost: "/v1/chat/completions"} {
			r, err := http.NewRequestWithContext(t.Context(), method, found[1]+path, strings.NewReader(`{"model":"agent/guide","messages":[{"role":"user","content":"hello"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if key != "" {
				r.Header.Set("Authorization", "Bearer "+key)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s %s with the key %q: %s", method, path, key, response.Status)
			}
		}
	}
}

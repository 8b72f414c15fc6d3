package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// world is a server with a scripted model.
type world struct {
	t     *testing.T
	ark   *component.ArkServer
	model *scripted.Server
	http  *http.Client
	url   string
	key   string
	dir   string // of the database and the keys
	// release ends the answers to "held"; it is set before the first.
	release <-chan struct{}
}

const objects = `
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"scripted"},"config":{"openai":{"baseUrl":{"value":"MODEL/v1"},"apiKey":{"value":"none"}}}}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"guide"},"spec":{"prompt":"You are the guide."}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"editor"},"spec":{"prompt":"You are the editor."}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Team","metadata":{"name":"news"},"spec":{"strategy":"sequential","members":[{"type":"agent","name":"guide"},{"type":"agent","name":"editor"}]}}`

// longAnswer is how many bytes the model says to "long".
const longAnswer = 256 << 10

// pacedAnswer is what the model says to "paced", within a second.
const pacedAnswer = "piece by piece, and each of them after a while"

// script is what the model says to the last message of a user.
func script(r scripted.Request) scripted.Answer {
	last := r.Last()
	switch {
	case strings.HasPrefix(last, "fail"):
		return scripted.Answer{Status: http.StatusBadRequest, Text: "the model does not like that"}
	case strings.HasPrefix(last, "hang"):
		return scripted.Answer{Hang: true}
	case strings.HasPrefix(last, "stall"):
		return scripted.Answer{Text: "half of it, and the rest never", Stall: true}
	case strings.HasPrefix(last, "break"):
		return scripted.Answer{Text: "half of it, and the connection is gone", Break: true}
	case strings.HasPrefix(last, "paced"):
		return scripted.Answer{Text: pacedAnswer, Pieces: 10, Pause: 100 * time.Millisecond}
	case strings.HasPrefix(last, "long"):
		return scripted.Answer{Text: strings.Repeat("0123456789abcdef", longAnswer/16), Pieces: 64}
	case last == "use noop":
		return scripted.Answer{Calls: []scripted.Call{{ID: "call-1", Name: "noop", Arguments: `{"message":"tool"}`}}, Pieces: 2}
	case strings.HasPrefix(last, "call in pieces"):
		return scripted.Answer{Calls: []scripted.Call{{ID: "call-1", Name: "weather", Arguments: `{"city":"Oslo"}`}}, Pieces: 4}
	case strings.HasPrefix(last, "call"):
		return scripted.Answer{Calls: []scripted.Call{{ID: "call-1", Name: "weather", Arguments: `{"city":"Oslo"}`}}}
	case strings.HasPrefix(last, "count"):
		texts := make([]string, len(r.Messages))
		for i, m := range r.Messages {
			texts[i] = m.Role + "=" + m.Text()
		}
		return scripted.Answer{Text: strings.Join(texts, "; ")}
	}
	return scripted.Answer{Text: "You said: " + last}
}

func newWorld(t *testing.T, args ...string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := &world{t: t, dir: t.TempDir()}
	model := scripted.New(func(r scripted.Request) scripted.Answer {
		answer := script(r)
		if strings.HasPrefix(r.Last(), "held") {
			answer.Until = w.release
		}
		return answer
	})
	there := httptest.NewServer(model)
	t.Cleanup(func() {
		there.CloseClientConnections()
		there.Close()
	})
	ark, err := component.StartArk(ctx, component.ArkOptions{Dir: w.dir, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ark.Stop(); err != nil {
			t.Error(err)
		}
		if log := ark.Stderr(); strings.Contains(log, "panic") {
			t.Error(log)
		}
	})
	config := rest.CopyConfig(ark.Config)
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: tls}
	t.Cleanup(transport.CloseIdleConnections)
	w.ark, w.model, w.http, w.url, w.key = ark, model, &http.Client{Transport: transport}, config.Host, config.BearerToken
	for _, text := range strings.Split(strings.TrimSpace(strings.ReplaceAll(objects, "MODEL", there.URL)), "\n") {
		w.create(text)
	}
	return w
}

var plurals = map[string]string{"Model": "models", "Agent": "agents", "Team": "teams", "Tool": "tools", "Query": "queries"}

// create makes an object in the namespace default.
func (w *world) create(text string) {
	w.t.Helper()
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal([]byte(text), &kind); err != nil {
		w.t.Fatal(err)
	}
	if code, body := w.call(http.MethodPost, queriesPath(plurals[kind.Kind], ""), text); code != http.StatusCreated {
		w.t.Fatalf("make %s: %d %s", text, code, body)
	}
}

// namespace makes a namespace.
func (w *world) namespace(name string) {
	w.t.Helper()
	if code, body := w.call(http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"`+name+`"}}`); code != http.StatusCreated {
		w.t.Fatalf("make the namespace %s: %d %s", name, code, body)
	}
}

func queriesPath(resource, name string) string {
	path := "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/" + resource
	if name != "" {
		path += "/" + name
	}
	return path
}

// request makes a request with the admin's token.
func (w *world) request(ctx context.Context, method, path string, body io.Reader, header ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

func (w *world) call(method, path, body string, header ...string) (int, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	var reader io.Reader
	if body != "" {
		reader = bytes.NewBufferString(body)
	}
	response := w.request(ctx, method, path, reader, header...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// awaitQuery waits until a Query is in a phase.
func (w *world) awaitQuery(name, phase string) {
	w.t.Helper()
	var body string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var q struct {
			Status struct {
				Phase string `json:"phase"`
			} `json:"status"`
		}
		_, body = w.call(http.MethodGet, queriesPath("queries", name), "")
		if json.Unmarshal([]byte(body), &q) == nil && q.Status.Phase == phase {
			return
		}
	}
	w.t.Fatalf("the query %s is not %s: %s", name, phase, body)
}

// awaitAsked waits until the model has been asked something.
func (w *world) awaitAsked(input string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if slices.ContainsFunc(w.model.Requests(), func(r scripted.Request) bool { return r.Last() == input }) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the model has not been asked %q", input)
		}
	}
}

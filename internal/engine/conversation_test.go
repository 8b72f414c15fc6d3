package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// memoryServer keeps messages in memory, and returns two per page.
type memoryServer struct {
	mu        sync.Mutex
	messages  []json.RawMessage
	forgotten []string
	broken    bool
}

func (m *memoryServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case r.Header.Get("X-Token") != "blue-team":
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case r.Method == http.MethodPost && r.URL.Path == "/conversations":
		fmt.Fprint(w, `{"conversation_id":"c-new"}`)
	case r.Method == http.MethodPost && r.URL.Path == "/messages":
		var body struct{ Messages []json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.messages = append(m.messages, body.Messages...)
		fmt.Fprint(w, `{}`)
	case r.Method == http.MethodGet && m.broken:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case r.Method == http.MethodGet:
		var at int
		_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &at)
		end := min(at+2, len(m.messages))
		items := []map[string]any{}
		for _, text := range m.messages[at:end] {
			items = append(items, map[string]any{"message": text})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "hasMore": end < len(m.messages), "nextCursor": end})
	case r.Method == http.MethodDelete:
		m.forgotten = append(m.forgotten, r.URL.Path)
	}
}

// Messages are stored, sent to the model in the next query, and deleted with the query.
func TestConversation(t *testing.T) {
	kept := &memoryServer{}
	server := httptest.NewServer(kept)
	t.Cleanup(server.Close)
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		if strings.Contains(r.Last(), "bad") {
			return scripted.Answer{Status: http.StatusBadRequest, Text: "no"}
		}
		return scripted.Answer{Text: fmt.Sprintf("answer %d", len(r.Messages))}
	})
	w.apply(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: Memory
metadata: {name: default}
spec: {address: {value: "` + server.URL + `"}, headers: [{name: X-Token, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}]}`)
	w.start(Limits{})
	w.ask("one", toPlain, "")
	if q := w.awaitEnd("one"); phaseOf(q) != v1alpha1.QueryDone || *q.Status.ConversationID != "c-new" {
		t.Fatalf("got %s, %+v", reasonOf(q), q.Status)
	}
	w.ask("bad", toPlain, ", conversationId: c-new")
	w.awaitEnd("bad")
	w.ask("two", toPlain, ", conversationId: c-new")
	q := w.awaitEnd("two")
	if *q.Status.Response.Content != "answer 6" { // the prompt, two questions with their answers, and its own
		t.Errorf("got %s", *q.Status.Response.Content)
	}
	requests := w.model.Requests()
	var said []string
	for _, m := range requests[len(requests)-1].Messages {
		said = append(said, m.Role+": "+m.Text())
	}
	want := []string{"system: Be brief.", "user: nonce one", "assistant: answer 2", "user: nonce bad", "", "user: nonce two"}
	for i, text := range said {
		if i == 4 {
			if !strings.HasPrefix(text, "assistant: query execution failed: ") {
				t.Errorf("message 4 is %q", text)
			}
			continue
		}
		if text != want[i] {
			t.Errorf("message %d is %q, want %q", i, text, want[i])
		}
	}
	kept.mu.Lock()
	kept.broken = true
	kept.mu.Unlock()
	w.ask("three", toPlain, ", conversationId: c-new")
	q = w.awaitEnd("three")
	degraded := false
	for _, c := range q.Status.Conditions {
		degraded = degraded || c.Type == "MemoryDegraded" && c.Status == v1alpha1.ConditionTrue && strings.Contains(*c.Message, "500")
	}
	if !degraded || *q.Status.Response.Content != "answer 2" {
		t.Errorf("got %+v", q.Status)
	}
	w.delete("one")
	w.await("default", "one", "gone", func(q *v1alpha1.Query) bool { return q == nil })
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if len(kept.forgotten) != 1 || kept.forgotten[0] != "/queries/one/messages" {
		t.Errorf("deleted were %q", kept.forgotten)
	}
}

// memories starts a memory with a conversation and one that cannot be read, and adds their URLs to
// the table's places.
func memories(t *testing.T, places map[string]string) {
	t.Helper()
	for place, m := range map[string]*memoryServer{
		"{{memory}}": {messages: []json.RawMessage{
			json.RawMessage(`{"role":"user","content":"What is the capital?"}`), json.RawMessage(`{"role":"assistant","content":"Oslo.","name":"plain"}`),
			json.RawMessage(`{"role":"stranger","content":"Really?"}`),
		}},
		"{{forgetful}}": {broken: true},
	} {
		server := httptest.NewServer(m)
		t.Cleanup(server.Close)
		places[place] = server.URL
	}
}

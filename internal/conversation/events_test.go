package conversation

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/storetest"
	"github.com/mckinsey/ark-server/internal/stream"
)

// event returns an event as Ark's engine sends it.
func event(reason, id, name, session string, more ...string) string {
	extra := ""
	for i := 0; i < len(more); i += 2 {
		extra += fmt.Sprintf(`,%q:%q`, more[i], more[i+1])
	}
	return fmt.Sprintf(`{"timestamp":"2026-11-30T12:00:00Z","eventType":"Normal","reason":%q,"message":"m","data":{"queryId":%q,"queryName":%q,"queryNamespace":"ns","sessionId":%q%s}}`, reason, id, name, session, extra)
}

// served is an event store behind HTTP.
type served struct {
	t      *testing.T
	now    time.Time
	events *Events
	url    string
}

func serveEvents(t *testing.T) *served {
	s := &served{t: t, now: time.Now()}
	side := storetest.Open(t).Side()
	broker := stream.New(stream.DefaultLimits, time.Now)
	s.events = NewEvents(side, broker, func() time.Time { return s.now })
	store := NewStore(side, broker, func() time.Time { return s.now })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest := strings.Trim(r.URL.Path, "/"); OwnsEvents(rest) {
			s.events.Serve(w, r, "ns", rest)
		} else {
			store.Serve(w, r, "ns", rest)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(broker.Close)
	s.url = server.URL
	return s
}

func (s *served) call(method, path, body string, want int) map[string]any {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || response.StatusCode != want {
		s.t.Fatalf("%s %s: got %s %v, %v, want %d", method, path, response.Status, out, err, want)
	}
	return out
}

func (s *served) reasons(path string) string {
	s.t.Helper()
	var out []string
	for _, item := range s.call(http.MethodGet, path, "", http.StatusOK)["items"].([]any) {
		out = append(out, item.(map[string]any)["reason"].(string))
	}
	return strings.Join(out, " ")
}

// watch returns a function that returns the data of a watch's events one by one.
func (s *served) watch(ctx context.Context, path string) func() string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return func() string {
		s.t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		s.t.Fatalf("the watch has ended: %v", lines.Err())
		return ""
	}
}

func TestEvents(t *testing.T) {
	s := serveEvents(t)
	for _, e := range []string{
		event("QueryExecutionStart", "u1", "q1", "s1"), event("AgentExecutionStart", "u1", "q1", "s1", "agent", "ns/guide", "conversationId", "c1"),
		event("QueryExecutionStart", "u2", "q2", "s2"), event("QueryExecutionComplete", "u1", "q1", "s1"),
		event("QueryExecutionError", "u2", "q2", "s2", "error", "no model"),
	} {
		s.call(http.MethodPost, "/events", e, http.StatusCreated)
	}
	for path, want := range map[string]string{
		"/events":               "QueryExecutionStart AgentExecutionStart QueryExecutionStart QueryExecutionComplete QueryExecutionError",
		"/events/u1":            "QueryExecutionStart AgentExecutionStart QueryExecutionComplete",
		"/events?session_id=s2": "QueryExecutionStart QueryExecutionError",
		"/events/none":          "",
		"/events?limit=2":       "QueryExecutionStart AgentExecutionStart",
	} {
		if got := s.reasons(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	page := s.call(http.MethodGet, "/events?limit=2", "", http.StatusOK)
	if page["total"] != 5.0 || page["hasMore"] != true {
		t.Errorf("got %v", page)
	}
	if got := s.reasons(fmt.Sprintf("/events?limit=2&cursor=%.0f", page["nextCursor"])); got != "QueryExecutionStart QueryExecutionComplete" {
		t.Errorf("the second page is %s", got)
	}
	for _, bad := range []string{"", "[]", `{"data":{}}`, `{"data":{"queryId":7}}`, `{"data":{"queryId":"u"},"ttl_seconds":-1}`} {
		s.call(http.MethodPost, "/events", bad, http.StatusBadRequest)
	}
	s.call(http.MethodGet, "/events?limit=0", "", http.StatusBadRequest)
	s.call(http.MethodGet, "/events?cursor=x", "", http.StatusBadRequest)
	s.call(http.MethodPut, "/events", "{}", http.StatusNotFound)
	s.call(http.MethodPost, "/events", `{"data":{"queryId":"u","x":"`+strings.Repeat("x", maxEvent)+`"}}`, http.StatusRequestEntityTooLarge)

	// The session data of a Query are deleted with its events.
	s.call(http.MethodDelete, "/events/u1", "", http.StatusOK)
	if got := s.reasons("/events"); got != "QueryExecutionStart QueryExecutionError" {
		t.Errorf("after the deletion there are %s", got)
	}
	s.call(http.MethodGet, "/sessions/s1", "", http.StatusNotFound)
	s.call(http.MethodGet, "/sessions/s2", "", http.StatusOK)

	// Expired events are no longer returned, and the sweep deletes them from the database.
	s.call(http.MethodPost, "/events", `{"reason":"Short","data":{"queryId":"u3"},"ttl_seconds":60}`, http.StatusCreated)
	s.now = s.now.Add(61 * time.Second)
	if got := s.reasons("/events/u3"); got != "" {
		t.Errorf("an expired event is there: %s", got)
	}
	for _, age := range []time.Duration{0, eventAge} {
		s.now = s.now.Add(age)
		if err := s.events.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, want := 0, map[time.Duration]int{0: 4, eventAge: 0}[age]
		for _, table := range []string{eventTable, sessionTable} {
			n, err := s.events.side.Count(t.Context(), spanOf(table))
			if err != nil {
				t.Fatal(err)
			}
			rows += int(n)
		}
		if rows != want {
			t.Errorf("after %s there are %d rows, want %d", age, rows, want)
		}
	}
}

func TestSessions(t *testing.T) {
	s := serveEvents(t)
	for _, e := range []string{
		event("QueryExecutionStart", "u1", "q1", "session-one"),
		event("AgentExecutionStart", "u1", "q1", "session-one", "agent", "guide", "conversationId", "c1"),
		event("ToolCallStart", "u1", "q1", "session-one", "toolName", "weather"),
		event("QueryExecutionError", "u1", "q1", "session-one", "error", "waits for an approval"),
		event("QueryExecutionComplete", "u1", "q1", "session-one"),
		event("QueryExecutionStart", "u2", "q2", "session-one", "conversationId", "c1", "targetType", "team", "team", "news"),
		event("QueryExecutionError", "u3", "q3", "two", "error", "no model", "conversationId", "c2"),
		event("QueryExecutionCanceled", "u4", "q4", "three"),
		event("NoSession", "u5", "q5", ""),
	} {
		s.call(http.MethodPost, "/events", e, http.StatusCreated)
	}
	one := s.call(http.MethodGet, "/sessions/session-one", "", http.StatusOK)
	queries := one["queries"].(map[string]any)
	q1 := queries["q1"].(map[string]any)
	if one["name"] != "one" || one["status"] != "active" || one["errorCount"] != 0.0 || len(queries) != 2 || q1["phase"] != "done" || q1["agent"] != "guide" ||
		q1["tool"] != "weather" || q1["error"] != nil || q1["completedAt"] == nil || queries["q2"].(map[string]any)["targetType"] != "team" {
		t.Errorf("got %v", one)
	}
	c := one["conversations"].([]any)[0].(map[string]any)
	if c["messageCount"] != 2.0 || fmt.Sprint(c["participants"]) != "[guide news]" || c["duration"] != "ongoing" || one["participants"].([]any)[0].(map[string]any)["name"] != "guide" {
		t.Errorf("the conversation is %v", c)
	}
	all := s.call(http.MethodGet, "/sessions", "", http.StatusOK)["sessions"].(map[string]any)
	if len(all) != 3 || all["two"].(map[string]any)["status"] != "error" || all["three"].(map[string]any)["status"] != "idle" {
		t.Errorf("got %v", all)
	}
	for query, want := range map[string]string{
		"limit=10&sort=name&order=asc": "one three two", "limit=1&sort=name&order=asc": "one", "limit=1&cursor=1&sort=name&order=asc": "three",
		"limit=10&status=error": "two", "limit=10&search=NEWS": "one", "limit=10&search=nobody": "", "limit=10&dateTo=2020-01-01T00:00:00Z": "",
	} {
		var names []string
		for _, item := range s.call(http.MethodGet, "/sessions?"+query, "", http.StatusOK)["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	s.call(http.MethodGet, "/sessions?limit=1&status=none", "", http.StatusBadRequest)
	s.call(http.MethodPost, "/sessions", `{"sessionId":"four"}`, http.StatusBadRequest)
	s.call(http.MethodPost, "/sessions", `{"sessionId":"four","queryName":"q6","agent":"editor"}`, http.StatusCreated)
	s.call(http.MethodGet, "/sessions/four", "", http.StatusOK)
	s.call(http.MethodDelete, "/sessions/queries/q6", "", http.StatusOK)
	s.call(http.MethodGet, "/sessions/four", "", http.StatusNotFound)
	s.call(http.MethodDelete, "/sessions", "", http.StatusOK)
	if left := s.call(http.MethodGet, "/sessions", "", http.StatusOK)["sessions"].(map[string]any); len(left) != 0 {
		t.Errorf("there are %v", left)
	}
}

// TestWatches checks that a watch sends the existing items, if requested, and then each new item
// once.
func TestWatches(t *testing.T) {
	s := serveEvents(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.call(http.MethodPost, "/events", event("First", "u1", "q1", "s1"), http.StatusCreated)
	s.call(http.MethodPost, "/messages", `{"conversation_id":"c1","query_id":"q1","messages":[{"role":"user","content":"one"}]}`, http.StatusOK)
	live := s.watch(ctx, "/events?watch=true")
	ofQuery := s.watch(ctx, "/events/u1?watch=true&from-beginning=true")
	ofSession := s.watch(ctx, "/events?watch=true&session_id=s2")
	sessions := s.watch(ctx, "/sessions?watch=true")
	messages := s.watch(ctx, "/messages?watch=true&conversation_id=c1&from-beginning=true")
	if got := ofQuery(); !strings.Contains(got, `"First"`) {
		t.Errorf("got %s", got)
	}
	if got := sessions(); !strings.HasPrefix(got, `{"sessionId":"s1","session":{`) {
		t.Errorf("got %s", got)
	}
	if got := messages(); !strings.Contains(got, `"content":"one"`) {
		t.Errorf("got %s", got)
	}
	s.call(http.MethodPost, "/events", event("Second", "u2", "q2", "s2"), http.StatusCreated)
	s.call(http.MethodPost, "/events", event("Third", "u1", "q1", "s1"), http.StatusCreated)
	s.call(http.MethodPost, "/messages", `{"conversation_id":"c2","query_id":"q2","messages":[{"role":"user","content":"other"}]}`, http.StatusOK)
	s.call(http.MethodPost, "/messages", `{"conversation_id":"c1","query_id":"q2","messages":[{"role":"user","content":"two"}]}`, http.StatusOK)
	for name, c := range map[string]struct {
		next func() string
		want []string
	}{
		"live": {live, []string{"Second", "Third"}}, "of a query": {ofQuery, []string{"Third"}}, "of a session": {ofSession, []string{"Second"}},
		"sessions": {sessions, []string{`"sessionId":"s2"`, `"sessionId":"s1"`}}, "messages": {messages, []string{`"content":"two"`}},
	} {
		for _, want := range c.want {
			if got := c.next(); !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	}
}

func spanOf(table string) mvcc.SideSpan { return mvcc.SidePrefix(table, nil) }

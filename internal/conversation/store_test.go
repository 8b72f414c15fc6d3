package conversation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/storetest"
)

func TestRequests(t *testing.T) {
	now := time.Now()
	s := NewRequests(storetest.Open(t).Side(), func() time.Time { return now })
	one, err := s.Keep(t.Context(), "a", "q", Request{Messages: []json.RawMessage{[]byte(`"1"`)}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Keep(t.Context(), "a", "q", Request{Messages: []json.RawMessage{[]byte(`"2"`)}})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{one: `"1"`, two: `"2"`} {
		if got, err := s.Get(t.Context(), "a", "q", id); err != nil || string(got.Messages[0]) != want {
			t.Errorf("got %+v, %v, want %s", got, err, want)
		}
	}
	for _, place := range [][3]string{{"a", "q", "other"}, {"b", "q", one}, {"a", "p", one}} {
		if got, err := s.Get(t.Context(), place[0], place[1], place[2]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v: got %+v, %v", place, got, err)
		}
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a", "q", one); err != nil {
		t.Errorf("a new request is gone: %v", err)
	}
	now = now.Add(requestAge + time.Hour)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a", "q", one); !errors.Is(err, ErrNotFound) {
		t.Errorf("an old request is there: %v", err)
	}
}

// ask makes a request of the HTTP API, and returns the status and the answer without the fields
// that vary.
func ask(t *testing.T, s *Store, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "/"+path, strings.NewReader(body))
	rest := strings.Trim(r.URL.Path, "/")
	if !Owns(rest) {
		t.Fatalf("%s is of nobody", path)
	}
	s.Serve(w, r, "ns", rest)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %s", method, path, w.Body)
	}
	return w.Code, answer
}

// texts returns the messages of a page, joined.
func texts(answer map[string]any) string {
	var out []string
	for _, item := range answer["items"].([]any) {
		out = append(out, item.(map[string]any)["message"].(string))
	}
	return strings.Join(out, " ")
}

func TestMemory(t *testing.T) {
	now := time.Now()
	s := NewStore(storetest.Open(t).Side(), nil, func() time.Time { return now })
	code, answer := ask(t, s, http.MethodPost, "conversations", "")
	id, _ := answer["conversation_id"].(string)
	if code != http.StatusCreated || len(id) != 32 {
		t.Fatalf("got %d %v", code, answer)
	}
	add := func(query, more string, messages ...string) {
		t.Helper()
		list, err := json.Marshal(messages)
		if err != nil {
			t.Fatal(err)
		}
		if code, answer := ask(t, s, http.MethodPost, "messages", `{"conversation_id":"`+id+`","query_id":"`+query+`","messages":`+string(list)+more+`}`); code != http.StatusOK {
			t.Fatalf("got %d %v", code, answer)
		}
	}
	add("q2", "", "1", "2")
	add("q1", "", "3")
	add("q2", `,"ttl_seconds":60`, "4")
	all := "messages?conversation_id=" + id
	_, answer = ask(t, s, http.MethodGet, all, "")
	if got := texts(answer); got != "1 2 3 4" || answer["total"] != 4.0 || answer["hasMore"] != false || answer["nextCursor"] != nil {
		t.Errorf("got %v", answer)
	}
	_, answer = ask(t, s, http.MethodGet, all+"&limit=3", "")
	next, _ := answer["nextCursor"].(float64)
	if got := texts(answer); got != "1 2 3" || answer["hasMore"] != true {
		t.Errorf("got %v", answer)
	}
	if _, answer = ask(t, s, http.MethodGet, all+"&limit=3&cursor="+fmt.Sprint(int64(next)), ""); texts(answer) != "4" {
		t.Errorf("got %v", answer)
	}
	if _, answer = ask(t, s, http.MethodGet, all+"&query_id=q1", ""); texts(answer) != "3" {
		t.Errorf("got %v", answer)
	}
	// Lists have the field names of Ark's broker, and those of pages.
	if _, answer = ask(t, s, http.MethodGet, "conversations/"+id, ""); texts(answer) != "1 2 3 4" || answer["conversation_id"] != id || len(answer["messages"].([]any)) != 4 {
		t.Errorf("got %v", answer)
	}
	if _, answer = ask(t, s, http.MethodGet, "messages?query_id=q2", ""); texts(answer) != "1 2 4" {
		t.Errorf("the messages of a query in all conversations: %v", answer)
	}
	if _, answer = ask(t, s, http.MethodGet, "conversations", ""); len(answer["conversations"].([]any)) != 1 || answer["conversations"].([]any)[0] != id {
		t.Errorf("got %v", answer)
	}
	_, answer = ask(t, s, http.MethodGet, "memory-status", "")
	each, _ := answer["conversations"].(map[string]any)
	of, _ := each[id].(map[string]any)
	if answer["total_conversations"] != 1.0 || answer["total_messages"] != 4.0 || of["message_count"] != 4.0 || of["query_count"] != 2.0 {
		t.Errorf("got %v", answer)
	}
	now = now.Add(time.Hour)
	if _, answer = ask(t, s, http.MethodGet, all, ""); texts(answer) != "1 2 3" {
		t.Errorf("with an expired message: got %v", answer)
	}
	ask(t, s, http.MethodDelete, "queries/q2/messages", "")
	if _, answer = ask(t, s, http.MethodGet, all, ""); texts(answer) != "3" {
		t.Errorf("without a query: got %v", answer)
	}
	if _, answer = ask(t, s, http.MethodGet, "conversations", ""); answer["total"] != 1.0 {
		t.Errorf("got %v", answer)
	}
	ask(t, s, http.MethodDelete, "queries/q1/messages", "")
	if _, answer = ask(t, s, http.MethodGet, "conversations", ""); answer["total"] != 0.0 {
		t.Errorf("an empty conversation is kept: %v", answer)
	}
	for _, path := range []string{"conversations", "messages"} {
		add("q3", "", "5")
		if code, answer := ask(t, s, http.MethodDelete, path, ""); code != http.StatusOK || answer["status"] != "success" {
			t.Errorf("got %d %v", code, answer)
		}
		if _, answer = ask(t, s, http.MethodGet, "messages", ""); answer["total"] != 0.0 {
			t.Errorf("after all of %s were deleted there are %v", path, answer)
		}
	}
	for what, want := range map[string]int{
		"GET conversations/none": 404, "GET messages?conversation_id=x&limit=0": 400, "GET messages?conversation_id=x&cursor=y": 400,
		"PUT conversations": 404, "GET messages?watch=true": 503,
	} {
		method, path, _ := strings.Cut(what, " ")
		if code, answer := ask(t, s, method, path, ""); code != want || answer["error"] == nil {
			t.Errorf("%s: got %d %v", what, code, answer)
		}
	}
	if code, _ := ask(t, s, http.MethodPost, "messages", "{"); code != http.StatusBadRequest {
		t.Errorf("got %d", code)
	}
}

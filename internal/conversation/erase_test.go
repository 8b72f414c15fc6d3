package conversation

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/storetest"
)

// Erase removes the rows that belong to one Query, and returns how many; the rows of others are
// kept.
func TestErase(t *testing.T) {
	side := storetest.Open(t).Side()
	store, answers := NewStore(side, nil, time.Now), NewResponses(side, time.Now)
	events := NewEvents(side, nil, time.Now)
	for _, query := range []string{"a", "b"} {
		if err := store.Add(t.Context(), "ns", "c1", query, []json.RawMessage{json.RawMessage(`{"x":1}`), json.RawMessage(`{"x":2}`)}, 0); err != nil {
			t.Fatal(err)
		}
		event := `{"reason":"QueryExecutionStart","data":{"queryId":"uid-` + query + `","queryName":"` + query + `","sessionId":"s"}}`
		if err := events.Add(t.Context(), "ns", []byte(event)); err != nil {
			t.Fatal(err)
		}
		if err := answers.Keep(t.Context(), "uid-"+query, []byte("answer")); err != nil {
			t.Fatal(err)
		}
	}
	// Two messages, the row of their conversation, the response, the event and the row of its session.
	if n, err := Erase(t.Context(), side, "ns", "a", "uid-a"); err != nil || n != 6 {
		t.Errorf("%d rows, %v, want 6", n, err)
	}
	if left, err := store.Messages(t.Context(), "ns", "c1", ""); err != nil || len(left) != 2 || left[0].Query != "b" {
		t.Errorf("%v, %v: want b's messages", left, err)
	}
	if left, err := events.List(t.Context(), "ns", "", ""); err != nil || len(left) != 1 || left[0].Query != "uid-b" {
		t.Errorf("%v, %v: want b's event", left, err)
	}
	for uid, want := range map[string]string{"uid-a": "", "uid-b": "answer"} {
		if got, err := answers.Get(t.Context(), uid); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", uid, got, err)
		}
	}
	if n, err := Erase(t.Context(), side, "ns", "a", "uid-a"); err != nil || n != 0 {
		t.Errorf("once more: %d rows, %v", n, err)
	}
}

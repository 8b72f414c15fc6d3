package chat

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// testBroker writes a stream as Ark's engines do and reads it from the beginning and live.
func testBroker(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"streamed"},"spec":{"input":"hang streamed","target":{"type":"agent","name":"guide"}}}`)
	w.awaitAsked("hang streamed") // the embedded engine has opened the stream by then, and so leaves it completed below
	const path = "/namespaces/default/stream/streamed"
	if code, text := w.call(http.MethodPost, path+"/complete", "{}"); code != http.StatusNotFound || !strings.Contains(text, "NOT_FOUND") {
		t.Errorf("complete before the first chunk: %d %s", code, text)
	}
	live := w.request(ctx, http.MethodGet, path+"?wait-for-query=300", nil)
	defer live.Body.Close()
	body, lines := io.Pipe()
	written := make(chan string, 1)
	go func() {
		response := w.request(ctx, http.MethodPost, path, body, "Content-Type", "application/x-ndjson")
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		written <- fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(text)))
	}()
	chunk := func(n int) string {
		return fmt.Sprintf(`{"id":"c%d","choices":[{"index":0,"delta":{"content":"%d"}}]}`, n, n)
	}
	for n := range 3 {
		if _, err := io.WriteString(lines, chunk(n)+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	// What was written is read while the writer still writes.
	first := make([]byte, len("data: "+chunk(0)))
	if _, err := io.ReadFull(live.Body, first); err != nil || string(first) != "data: "+chunk(0) {
		t.Fatalf("got %q, %v", first, err)
	}
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-written; got != `200 {"status":"stream_processed","query":"streamed","chunks_received":3}` {
		t.Errorf("the writer got %s", got)
	}
	for _, want := range []string{`{"status":"completed","query":"streamed"}`, `{"status":"already_completed","query":"streamed"}`} {
		if code, text := w.call(http.MethodPost, path+"/complete", "{}"); code != http.StatusOK || strings.TrimSpace(text) != want {
			t.Errorf("complete: %d %s", code, text)
		}
	}
	want := strings.Join([]string{chunk(1), chunk(2), "[DONE]"}, "\n")
	if got := strings.Join(events(t, live.Body), "\n"); got != want {
		t.Errorf("live: got\n%s", got)
	}
	again := w.request(ctx, http.MethodGet, path+"?from-beginning=true", nil)
	if got := strings.Join(events(t, again.Body), "\n"); got != chunk(0)+"\n"+want {
		t.Errorf("from the beginning: got\n%s", got)
	}
	again.Body.Close()
	late := w.request(ctx, http.MethodGet, "/namespaces/default/stream/none?wait-for-query=1", nil)
	if got := strings.Join(events(t, late.Body), "\n"); got != `{"error":{"message":"Request timeout waiting for streaming query response","type":"timeout_error","code":"timeout"}}`+"\n[DONE]" {
		t.Errorf("without a query: got %s", got)
	}
	late.Body.Close()
	if code, text := w.call(http.MethodPost, path, "{}\nnot json\n"); code != http.StatusBadRequest || !strings.Contains(text, "line 2 is not JSON; the 1 before it were taken") {
		t.Errorf("garbage: %d %s", code, text)
	}
	w.call(http.MethodDelete, queriesPath("queries", "streamed"), "")
}

// testEvents has an engine send events, and reads what they come to: with rights, and durably.
func testEvents(t *testing.T, w *world) {
	const place = "/namespaces/default/"
	for _, e := range []string{
		`{"reason":"QueryExecutionStart","data":{"queryId":"u1","queryName":"q1","sessionId":"events"}}`,
		`{"reason":"QueryExecutionComplete","data":{"queryId":"u1","queryName":"q1","sessionId":"events","agent":"guide","conversationId":"c1"}}`,
	} {
		if code, text := w.call(http.MethodPost, place+"events", e); code != http.StatusCreated || text != `{"status":"success"}`+"\n" {
			t.Fatalf("got %d %s", code, text)
		}
	}
	for path, want := range map[string]string{
		"events/u1": `"total":2`, "events?session_id=events&limit=1": `"hasMore":true`, "sessions/events": `"status":"idle"`, "sessions": `"phase":"done"`,
	} {
		if code, text := w.call(http.MethodGet, place+path, ""); code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %s", path, code, text)
		}
		if code, text := w.call(http.MethodGet, place+path, "", "Authorization", "Bearer "+w.nobody()); code != http.StatusForbidden {
			t.Errorf("nobody reads %s: got %d %s", path, code, text)
		}
	}
	if code, text := w.call(http.MethodPost, place+"events", `{"data":{"queryId":"u1"}}`, "Authorization", "Bearer "+w.nobody()); code != http.StatusForbidden {
		t.Errorf("nobody writes: got %d %s", code, text)
	}
	if code, text := w.call(http.MethodDelete, place+"events/u1", ""); code != http.StatusOK {
		t.Errorf("got %d %s", code, text)
	}
	if code, _ := w.call(http.MethodGet, place+"sessions/events", ""); code != http.StatusNotFound {
		t.Errorf("the session is %d after its query was deleted", code)
	}
}

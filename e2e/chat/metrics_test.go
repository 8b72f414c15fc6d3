package chat

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	openai "github.com/sashabaranov/go-openai"
)

// value returns a metric of the server, by its name and labels as they are written.
func (w *world) value(series string) float64 {
	w.t.Helper()
	_, body := w.call(http.MethodGet, "/metrics", "")
	_, rest, found := strings.Cut(body, "\n"+series+" ")
	if !found {
		w.t.Fatalf("there is no %s", series)
	}
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(line, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// testMetrics has each number change by what was asked, and return to 0 what is open.
func testMetrics(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	series := map[string]float64{ // by how much they are to change
		`ark_chat_requests_total{outcome="answered",target="agent"}`: 2,
		`ark_chat_requests_total{outcome="failed",target="agent"}`:   1,
		`ark_chat_requests_total{outcome="refused",target="none"}`:   1,
		`ark_chat_first_token_seconds_count{target="agent"}`:         1,
		`ark_chat_tokens_per_second_count{target="agent"}`:           1,
	}
	before := map[string]float64{}
	for name := range series {
		before[name] = w.value(name)
	}
	tokens, chunks := w.value(`ark_chat_tokens_total{kind="completion",target="agent"}`), w.value("ark_stream_chunks_total")
	if _, err := w.stream(ctx, openai.ChatCompletionRequest{Model: "agent/guide", Messages: user("hello there")}); err != nil {
		t.Fatal(err)
	}
	for _, question := range []struct{ model, text string }{{"agent/guide", "hello"}, {"agent/guide", "fail"}, {"agent/none", "hello"}} {
		_, err := w.client(w.key).CreateChatCompletion(ctx, openai.ChatCompletionRequest{Model: question.model, Messages: user(question.text)})
		if good := question.model == "agent/guide" && question.text == "hello"; (err == nil) != good {
			t.Fatalf("%v: %v", question, err)
		}
	}
	// The end of a request is counted after its last byte.
	changed := func() (wrong []string) {
		for name, by := range series {
			if got := w.value(name) - before[name]; got != by {
				wrong = append(wrong, name+": "+strconv.FormatFloat(got, 'g', -1, 64))
			}
		}
		if n := w.value(`ark_chat_open_requests{target="agent"}`); n != 0 {
			wrong = append(wrong, "open requests")
		}
		return wrong
	}
	wrong := changed()
	for deadline := time.Now().Add(10 * time.Second); len(wrong) > 0 && time.Now().Before(deadline); wrong = changed() {
		time.Sleep(20 * time.Millisecond)
	}
	if len(wrong) > 0 {
		t.Errorf("changed otherwise than by %v: %v", series, wrong)
	}
	if got := w.value(`ark_chat_tokens_total{kind="completion",target="agent"}`); got <= tokens {
		t.Errorf("%v tokens, and %v before", got, tokens)
	}
	if got := w.value("ark_stream_chunks_total"); got <= chunks {
		t.Errorf("%v chunks, and %v before", got, chunks)
	}
}

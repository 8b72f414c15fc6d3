package chat

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
)

// again reads the stream of a response once more.
func (w *world) again(t *testing.T, id, query string) []string {
	t.Helper()
	code, text := w.call(http.MethodGet, responsesPath+"/"+id+"?stream=true"+query, "")
	if code != http.StatusOK {
		t.Fatalf("got %d %s", code, text)
	}
	return strings.Split(text, "\n\n")
}

// testResponseStreams reads streams of responses a second time, and while they run.
func testResponseStreams(t *testing.T, w *world) {
	code, text := w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","stream":true,"background":true,"input":"say it twice"}`)
	events := strings.Split(text, "\n\n")
	_, rest, _ := strings.Cut(text, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if code != http.StatusOK || !strings.HasPrefix(id, "resp_") || len(events) < 8 {
		t.Fatalf("got %d %s", code, text)
	}
	// While the broker has the chunks, the events are those of before, from any of them on.
	if got := w.again(t, id, ""); strings.Join(got, "\n\n") != text {
		t.Errorf("got %s, want %s", strings.Join(got, "\n\n"), text)
	}
	for _, after := range []string{"0", "4"} {
		want := strings.Join(events[map[string]int{"0": 1, "4": 5}[after]:], "\n\n")
		if got := strings.Join(w.again(t, id, "&starting_after="+after), "\n\n"); got != want {
			t.Errorf("after %s: got %s, want %s", after, got, want)
		}
	}
	// Whatever the client has, the end comes.
	got := w.again(t, id, "&starting_after=1000")
	if len(got) != 3 || !strings.Contains(got[0], "event: response.completed\n") || !strings.Contains(got[0], `"sequence_number":1001`) || !strings.Contains(got[0], "say it twice") || got[1] != "data: [DONE]" {
		t.Errorf("got %q", got)
	}
	for query, want := range map[string]int{id + "?stream=true&starting_after=x": 400, id + "?stream=true&starting_after=-1": 400, "resp_none?stream=true": 404} {
		if code, text := w.call(http.MethodGet, responsesPath+"/"+query, ""); code != want || !strings.Contains(text, `"error"`) {
			t.Errorf("%s: got %d %s", query, code, text)
		}
	}
	// A failed one says so in its stream.
	_, text = w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","background":true,"input":"fail"}`)
	failed := parseResponse(t, text)
	if got := strings.Join(w.again(t, failed.ID, ""), "\n\n"); !strings.Contains(got, "event: response.failed\n") || !strings.Contains(got, "the model does not like that") || !strings.HasSuffix(got, "data: [DONE]\n\n") {
		t.Errorf("got %s", got)
	}
	if code, _ := w.call(http.MethodGet, responsesPath+"/"+id+"?stream=true", "", "Authorization", "Bearer "+w.newKey("elsewhere")); code != http.StatusNotFound {
		t.Errorf("a key of another namespace gets %d", code)
	}
	w.responseReaders(t)

	// The SDK reads it, too.
	client := openai.NewClient(option.WithAPIKey(w.key), option.WithBaseURL(w.url+"/v1"), option.WithHTTPClient(w.http), option.WithMaxRetries(0))
	stream := client.Responses.GetStreaming(t.Context(), id, responses.ResponseGetParams{StartingAfter: param.NewOpt[int64](3)})
	said := ""
	for stream.Next() {
		if done, ok := stream.Current().AsAny().(responses.ResponseCompletedEvent); ok {
			said = done.Response.OutputText()
		}
	}
	if err := stream.Err(); err != nil || said != "You said: say it twice" {
		t.Errorf("got %q, %v", said, err)
	}
}

// responseReaders: who reads along with a response has what was said so far at once, and neither
// cancels nor delays it by leaving.
func (w *world) responseReaders(t *testing.T) {
	_, text := w.call(http.MethodPost, responsesPath, `{"model":"agent/guide","background":true,"stream":false,"input":"stall for readers"}`)
	id := parseResponse(t, text).ID
	read := func(ctx context.Context, until string) *http.Response {
		response := w.request(ctx, http.MethodGet, responsesPath+"/"+id+"?stream=true", nil, "X-Ark-On-Disconnect", "cancel")
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() && !strings.Contains(lines.Text(), until) {
		}
		return response
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	leaving, leave := context.WithCancel(ctx)
	first := read(leaving, "response.in_progress")
	defer first.Body.Close()
	name := w.nameOf(id)
	w.awaitQuery(name, "running")
	leave()
	time.Sleep(300 * time.Millisecond)
	w.awaitQuery(name, "running")
	second := read(ctx, "response.in_progress")
	defer second.Body.Close()
	if code, text := w.call(http.MethodPost, responsesPath+"/"+id+"/cancel", ""); code != http.StatusOK {
		t.Errorf("got %d %s", code, text)
	}
	if rest, err := io.ReadAll(second.Body); err != nil || !strings.Contains(string(rest), `"status":"cancelled"`) || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("got %s, %v", rest, err)
	}
}

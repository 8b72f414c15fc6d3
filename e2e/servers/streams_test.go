package servers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// replicaGone is within what time readers learn that the replica of their stream was killed.
const replicaGone = 10 * time.Second

// TestStreams: a stream that an engine writes to one server is read at another one, from the
// beginning and live; when the server that has it is killed, its readers get an error.
// Conversations and events are of all servers.
func TestStreams(t *testing.T) {
	storage := databases.New(t, engine.PostgreSQL).Flags()
	all := []*server{newServer(t, storage), newServer(t, storage)}
	all[0].Keys = t.TempDir()
	all[1].Keys = all[0].Keys
	for _, s := range all {
		s.Args = append(slices.Clone(s.Args), "--engine=external", "--peer-listen=127.0.0.1:0")
	}
	startAll(t, all...)
	a, b := &streamClient{t, all[0]}, &streamClient{t, all[1]}
	a.create("agents", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"x"},"spec":{"prompt":"x"}}`)
	for _, query := range []string{"q", "killed"} {
		a.create("queries", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"`+query+`"},"spec":{"input":"x","target":{"type":"agent","name":"x"}}}`)
	}

	live := b.read("q", "")
	body, lines := io.Pipe()
	written := make(chan string, 1)
	go func() { written <- a.post("stream/q", body) }()
	say(t, lines, "one")
	live.until("one")
	early := b.read("q", "?from-beginning=true")
	early.until("one")
	say(t, lines, "two")
	for _, r := range []*lineReader{live, early} {
		r.until("two")
	}
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	if answer := <-written; !strings.Contains(answer, `"chunks_received":2`) {
		t.Errorf("the writer got %s", answer)
	}
	if answer := b.post("stream/q/complete", strings.NewReader("{}")); !strings.Contains(answer, `"completed"`) {
		t.Errorf("the end at another server: %s", answer)
	}
	for _, r := range []*lineReader{live, early, b.read("q", "?from-beginning=true")} {
		r.until("[DONE]")
	}

	conversations(t, a, b)

	// Two readers: one has had chunks, the other one none.
	body, lines = io.Pipe()
	go func() { written <- a.post("stream/killed", body) }()
	say(t, lines, "one")
	early = b.read("killed", "?from-beginning=true")
	early.until("one")
	live = b.read("killed", "")
	say(t, lines, "two")
	live.until("two")
	all[0].Kill()
	since := time.Now()
	for _, r := range []*lineReader{live, early} {
		r.until(`"error"`)
		r.until("[DONE]")
	}
	took := time.Since(since)
	t.Logf("readers got the error %s after the kill", took.Round(10*time.Millisecond))
	if took > replicaGone {
		t.Errorf("the error came %s after the kill", took)
	}
	_ = lines.Close() // nobody reads it any more
	<-written
}

// conversations: messages and events that come to one server are read and followed at another one,
// and stay when the first is gone.
func conversations(t *testing.T, a, b *streamClient) {
	var begun struct {
		ID string `json:"conversation_id"`
	}
	if err := json.Unmarshal([]byte(a.post("conversations", strings.NewReader(""))), &begun); err != nil || begun.ID == "" {
		t.Fatalf("the conversation is %q, %v", begun.ID, err)
	}
	messages, events := b.follow("messages?watch=true&conversation_id="+begun.ID), b.follow("events?watch=true")
	for n, text := range []string{"first", "second"} {
		a.post("messages", strings.NewReader(fmt.Sprintf(`{"conversation_id":%q,"query_id":"q","messages":[{"role":"user","content":%q}]}`, begun.ID, text)))
		messages.until(text)
		a.post("events", strings.NewReader(fmt.Sprintf(`{"reason":"Step%d","data":{"queryId":"u1","queryName":"q","sessionId":"s1"}}`, n)))
		events.until(fmt.Sprintf("Step%d", n))
	}
	for path, want := range map[string]string{
		"messages?conversation_id=" + begun.ID: `"total":2`, "events/u1": `"total":2`, "sessions/s1": `"q"`, "conversations": begun.ID,
	} {
		if text := b.get(path); !strings.Contains(text, want) {
			t.Errorf("%s at another server is %s", path, text)
		}
	}
}

// say writes a chunk.
func say(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := fmt.Fprintf(to, `{"id":"x","choices":[{"index":0,"delta":{"content":%q}}]}`+"\n", text); err != nil {
		t.Fatal(err)
	}
}

// streamClient uses the broker of a server as its admin.
type streamClient struct {
	t *testing.T
	*server
}

func (c *streamClient) send(method, path string, body io.Reader) (*http.Response, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, c.Config.Host+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return client.Do(r)
}

// create makes an object.
func (c *streamClient) create(resource, object string) {
	c.t.Helper()
	response, err := c.send(http.MethodPost, "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/"+resource, strings.NewReader(object))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(response.Body)
		c.t.Fatalf("%s %s", response.Status, text)
	}
}

// post returns the answer, or why there is none.
func (c *streamClient) post(path string, body io.Reader) string {
	response, err := c.send(http.MethodPost, "/namespaces/default/"+path, body)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// lineReader reads the lines of a stream.
type lineReader struct {
	t    *testing.T
	from *bufio.Reader
}

// get returns the answer.
func (c *streamClient) get(path string) string {
	c.t.Helper()
	response, err := c.send(http.MethodGet, "/namespaces/default/"+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c *streamClient) read(query, parameters string) *lineReader {
	return c.follow("stream/" + query + parameters)
}

// follow reads server-sent events.
func (c *streamClient) follow(path string) *lineReader {
	c.t.Helper()
	response, err := c.send(http.MethodGet, "/namespaces/default/"+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		c.t.Fatal(response.Status)
	}
	return &lineReader{c.t, bufio.NewReader(response.Body)}
}

func (r *lineReader) until(text string) {
	r.t.Helper()
	for {
		line, err := r.from.ReadString('\n')
		if err != nil {
			r.t.Fatalf("the stream ends before %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

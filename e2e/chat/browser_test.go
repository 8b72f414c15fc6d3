package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBrowser reads a stream in a real browser, at the port without TLS, from a page whose origin
// is allowed; a page of another origin gets nothing.
func TestBrowser(t *testing.T) {
	var chromium string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		t.Fatal("there is no Chromium: apt-get install chromium, or make browser")
	}
	page := func() string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<title>A page</title>") // the browser may be gone
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	allowed, denied := page(), page()
	w := newWorld(t, "--engine=embedded", "--http-listen=127.0.0.1:0", "--cors-allowed-origins="+allowed)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := w.ark.WaitStdout(ctx, regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/v1`))
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, w)
	n.env = append(n.env, "CHROMIUM="+chromium, "CHAT_URL="+found[1]+"/v1/chat/completions", "ALLOWED="+allowed, "DENIED="+denied)
	text := n.run("browser.mjs")
	type result struct {
		Status                        int
		RequestID, Query, Text, Error string
		Spread                        float64
	}
	var got struct{ Allowed, Denied result }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	said := ""
	for _, line := range strings.Split(got.Allowed.Text, "\n") {
		var c rawChunk
		if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &c) == nil && len(c.Choices) > 0 {
			part, _ := c.Choices[0].Delta["content"].(string)
			said += part
		}
	}
	// The model takes a second over its answer: who gets it in one piece has not streamed.
	if a := got.Allowed; a.Status != http.StatusOK || said != pacedAnswer || !strings.HasSuffix(a.Text, "data: [DONE]\n\n") || a.Spread < 300 {
		t.Errorf("got %+v, said %q", a, said)
	}
	if got.Allowed.RequestID == "" || !strings.HasPrefix(got.Allowed.Query, "default/chat-") {
		t.Errorf("a page does not see the headers: %+v", got.Allowed)
	}
	if got.Denied.Error == "" || got.Denied.Text != "" {
		t.Errorf("a page of another origin got %+v", got.Denied)
	}
}

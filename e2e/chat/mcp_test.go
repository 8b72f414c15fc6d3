package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer sends a token with each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// connect is a client of the official SDK.
func (w *world) connect(ctx context.Context, token string) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	return client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: w.url + "/mcp", HTTPClient: &http.Client{Transport: bearer{token, w.http.Transport}}, MaxRetries: -1,
	}, nil)
}

// toolText is the text of a tool's answer.
func toolText(r *mcp.CallToolResult) string {
	var texts []string
	for _, c := range r.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, "")
}

// nobody makes a token for somebody without rights.
func (w *world) nobody() string {
	w.t.Helper()
	_, body := w.call(http.MethodPost, "/ark/tokens", `{"user":"nobody-in-particular","ttlSeconds":600}`)
	_, rest, _ := strings.Cut(body, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// testMCP uses the server as a client of MCP does.
func testMCP(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := w.connect(ctx, w.key)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if got := session.InitializeResult().ProtocolVersion; got != "2026-07-28" {
		t.Errorf("the SDK speaks revision %s", got)
	}
	if names := toolNames(ctx, t, session); !slices.Equal(names, []string{"agent_editor", "agent_guide", "list", "query", "search", "team_news"}) {
		t.Errorf("the tools are %v", names)
	}
	for _, c := range []struct {
		tool      string
		arguments map[string]any
		fails     bool
		text      string
	}{
		{"agent_guide", map[string]any{"input": "hello", "sessionId": "mcp-session"}, false, "You said: hello"},
		{"team_news", map[string]any{"input": "hello"}, false, "You said: hello"},
		{"query", map[string]any{"target": "model/default", "input": "mcp asks"}, false, "You said: mcp asks"},
		{"query", map[string]any{"target": "agent/none", "input": "x"}, true, "does not exist"},
		{"query", map[string]any{"target": "guide", "input": "x"}, true, "agent/NAME"},
		{"agent_guide", map[string]any{}, true, "input"},
		{"agent_guide", map[string]any{"input": "x", "timeout": "soon"}, true, "5m"},
		{"agent_guide", map[string]any{"input": "fail"}, true, "the model does not like that"},
		{"list", map[string]any{"kind": "queries", "limit": 500}, false, `"answer":"You said: mcp asks"`},
		{"list", map[string]any{"kind": "queries", "fieldSelector": "status.phase=error"}, false, `"phase":"error"`},
		{"list", map[string]any{"kind": "secrets"}, true, "use one of"},
		{"list", map[string]any{"kind": "models"}, false, `"name":"default"`},
		{"list", map[string]any{"kind": "memories"}, false, `{"items":[]}`},
	} {
		r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: c.tool, Arguments: c.arguments})
		if err != nil {
			t.Errorf("%s %v: %v", c.tool, c.arguments, err)
			continue
		}
		if text := toolText(r); r.IsError != c.fails || !strings.Contains(text, c.text) {
			t.Errorf("%s %v: error %t, %s", c.tool, c.arguments, r.IsError, text)
		}
	}
	if _, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "agent_none"}); err == nil {
		t.Error("a tool that is not there was called")
	}
	// The search is behind by moments.
	var found string
	for deadline := time.Now().Add(patience); !strings.Contains(found, "guide") && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "search", Arguments: map[string]any{"query": "kind:Agent guide"}})
		if err != nil || r.IsError {
			t.Fatalf("search: %v, %v", err, r)
		}
		found = toolText(r)
	}
	if !strings.Contains(found, `"total"`) {
		t.Errorf("the search finds %s", found)
	}
	w.mcpCanceled(ctx, session)
	w.mcpRights(ctx)
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		w.mcpRevision(revision)
	}
}

func toolNames(ctx context.Context, t *testing.T, session *mcp.ClientSession) []string {
	t.Helper()
	var names []string
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	return names
}

// mcpCanceled: a call that its client gives up cancels its Query.
func (w *world) mcpCanceled(ctx context.Context, session *mcp.ClientSession) {
	calling, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := session.CallTool(calling, &mcp.CallToolParams{Name: "agent_guide", Arguments: map[string]any{"input": "hang mcp"}})
		ended <- err
	}()
	w.awaitAsked("hang mcp")
	stop()
	if err := <-ended; err == nil {
		w.t.Error("a call that was given up has an answer")
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Input json.RawMessage }
		}
	}
	_, body := w.call(http.MethodGet, queriesPath("queries", ""), "")
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		w.t.Fatal(err)
	}
	for _, q := range list.Items {
		if string(q.Spec.Input) == `"hang mcp"` {
			w.awaitQuery(q.Metadata.Name, "canceled")
			return
		}
	}
	w.t.Error("there is no query of the call")
}

// mcpRights: a user has the tools of whom they may ask; a key for chat opens nothing here.
func (w *world) mcpRights(ctx context.Context) {
	t := w.t
	token := w.nobody()
	other, err := w.connect(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if names := toolNames(ctx, t, other); !slices.Equal(names, []string{"list", "query", "search"}) {
		t.Errorf("the tools of somebody without rights are %v", names)
	}
	for tool, arguments := range map[string]map[string]any{
		"query": {"target": "agent/guide", "input": "x"}, "list": {"kind": "agents"}, "search": {"query": "guide"},
	} {
		r, err := other.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil || !r.IsError || !strings.Contains(toolText(r), "orbidden") && !strings.Contains(toolText(r), "may not") {
			t.Errorf("%s: %v, %+v", tool, err, r)
		}
	}
	if status, text := w.call(http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Accept", "application/json, text/event-stream"); status != http.StatusOK || !strings.Contains(text, `"cacheScope":"private"`) {
		t.Errorf("a list that only its user may keep: %d %s", status, text)
	}
	_, body := w.call(http.MethodPost, "/ark/tokens", `{"user":"admin","ttlSeconds":600,"for":"chat","namespace":"default"}`)
	_, rest, _ := strings.Cut(body, `"token":"`)
	key, _, _ := strings.Cut(rest, `"`)
	for what, c := range map[string]struct {
		token  string
		status int
	}{"a key for chat": {key, http.StatusForbidden}, "a wrong token": {"wrong", http.StatusUnauthorized}} {
		if status, text := w.call(http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Authorization", "Bearer "+c.token); status != c.status {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
}

// mcpRevision speaks an older revision, byte by byte.
func (w *world) mcpRevision(revision string) {
	t := w.t
	send := func(body string, header ...string) map[string]json.RawMessage {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		response := w.request(ctx, http.MethodPost, "/mcp", strings.NewReader(body), append([]string{"Accept", "application/json, text/event-stream"}, header...)...)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Mcp-Session-Id") != "" {
			t.Errorf("%s: there is a session", revision)
		}
		_, data, ok := strings.Cut(string(text), "data: ")
		if !ok {
			data = string(text)
		}
		var answer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(strings.TrimSpace(data)), &answer); err != nil {
			t.Fatalf("%s: %s: %d %s", revision, body, response.StatusCode, text)
		}
		return answer
	}
	begun := send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`, revision))
	if !strings.Contains(string(begun["result"]), fmt.Sprintf(`"protocolVersion":%q`, revision)) {
		t.Errorf("%s: the server answers %s", revision, begun["result"])
	}
	called := send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"agent_guide","arguments":{"input":"old"}}}`, "Mcp-Protocol-Version", revision)
	if !strings.Contains(string(called["result"]), "You said: old") {
		t.Errorf("%s: got %s %s", revision, called["result"], called["error"])
	}
}

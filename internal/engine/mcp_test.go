package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// mcpTool returns a tool of a test's MCP server that answers with a text.
func mcpTool(text string) sdk.ToolHandler {
	return func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}, nil
	}
}

var anyObject = json.RawMessage(`{"properties":{"q":{"type":"string"}},"type":"object"}`)

// newMCP returns an MCP server built with the official SDK. Its tool hang returns when over is
// closed.
func newMCP(over <-chan struct{}) *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	s.AddTool(&sdk.Tool{Name: "echo", Description: "Say it again", InputSchema: anyObject}, func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{
			&sdk.TextContent{Text: "You said "}, &sdk.TextContent{Text: string(r.Params.Arguments)},
			&sdk.ResourceLink{URI: "file:///x", Name: "x"},
		}}, nil
	})
	s.AddTool(&sdk.Tool{Name: "headers", InputSchema: anyObject}, func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		var lines []string
		for name, values := range r.Extra.Header {
			if strings.HasPrefix(name, "X-") || name == "Authorization" {
				lines = append(lines, name+": "+values[0])
			}
		}
		slices.Sort(lines)
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: strings.Join(lines, ", ")}}}, nil
	})
	s.AddTool(&sdk.Tool{Name: "fail", InputSchema: anyObject}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: "no such city"}}}, nil
	})
	s.AddTool(&sdk.Tool{Name: "picture", InputSchema: anyObject}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "Look: "}, &sdk.ImageContent{MIMEType: "image/png", Data: []byte("dot")}}}, nil
	})
	s.AddTool(&sdk.Tool{Name: "large", InputSchema: anyObject}, mcpTool(string(bytes.Repeat([]byte("x"), 20<<20))))
	s.AddTool(&sdk.Tool{Name: "hang", InputSchema: anyObject}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		<-over
		return &sdk.CallToolResult{}, nil
	})
	return s
}

// mcpServers starts servers of each kind, and returns their URLs by their names in the table.
func mcpServers(t *testing.T) map[string]string {
	t.Helper()
	over := make(chan struct{})
	server := newMCP(over)
	get := func(*http.Request) *sdk.Server { return server }
	handlers := map[string]http.Handler{
		"{{mcp}}":       sdk.NewStreamableHTTPHandler(get, nil),
		"{{sse}}":       sdk.NewSSEHandler(get, nil),
		"{{stateless}}": sdk.NewStreamableHTTPHandler(get, &sdk.StreamableHTTPOptions{Stateless: true, JSONResponse: true}),
		"{{locked}}": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="https://auth.example/"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}),
	}
	places := map[string]string{"{{nowhere}}": "http://127.0.0.1:1"}
	for name, handler := range handlers {
		there := httptest.NewServer(handler)
		t.Cleanup(func() {
			there.CloseClientConnections()
			there.Close()
		})
		places[name] = there.URL
	}
	t.Cleanup(func() { close(over) })
	return places
}

// mcpOf returns an MCPServer "far" at one of the table's places, with a spec in YAML's flow style.
func mcpOf(place, spec string) string {
	transport := "http"
	if place == "sse" {
		transport = "sse"
	}
	if place == "" {
		place = "mcp"
	}
	more := strings.TrimSuffix(strings.TrimPrefix(spec, "{"), "}")
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: MCPServer
metadata: {name: far}
spec: {address: {value: "{{%s}}"}, transport: %s%s}
---`, place, transport, more)
}

// far returns a Tool "far" for a tool of that server, and an agent that has it.
func far(tool string) string {
	return toolOf("far", `{type: mcp, mcp: {mcpServerRef: {name: far}, toolName: `+tool+`}}`) + agentOf("a", `{tools: [{type: mcp, name: far}]}`)
}

// discovered is a server whose tools a test changes.
type discovered struct {
	mu    sync.Mutex
	tools []string
	asked atomic.Int64
	down  atomic.Bool
}

func (d *discovered) set(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tools = names
}

func (d *discovered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.down.Load() {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server {
		d.asked.Add(1)
		server := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, name := range d.tools {
			server.AddTool(&sdk.Tool{Name: name, Description: "the tool " + name, InputSchema: anyObject, Annotations: &sdk.ToolAnnotations{IdempotentHint: true}}, mcpTool(name))
		}
		return server
	}, &sdk.StreamableHTTPOptions{Stateless: true}).ServeHTTP(w, r)
}

func (w *world) tool(name string) *v1alpha1.Tool {
	w.t.Helper()
	tool := &v1alpha1.Tool{}
	err := w.admin.Get(w.ctx, "tools", "default", name, tool)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return tool
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so: %s", what)
		}
	}
}

// A server's tools become Tools, which follow it: new ones are created, removed ones are deleted,
// and objects of other owners are kept.
func TestDiscovery(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Hi"} })
	there := &discovered{tools: []string{"get_Weather", "old", "taken"}}
	server := httptest.NewServer(there)
	t.Cleanup(server.Close)
	w.apply(toolOf("far-taken", `{type: http, http: {url: "http://example.com/"}}`))
	w.apply(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: MCPServer
metadata: {name: far, annotations: {ark.mckinsey.com/x: "1", other: "2"}}
spec: {address: {value: "` + server.URL + `"}, transport: http, pollInterval: 100ms}`)
	w.start(Limits{}, func(o *Options) { o.Statuses = true })
	status := func() *v1alpha1.MCPServer {
		s := &v1alpha1.MCPServer{}
		if err := w.admin.Get(w.ctx, "mcpservers", "default", "far", s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	conditions := func(s *v1alpha1.MCPServer) []v1alpha1.Condition {
		if s.Status == nil {
			return nil
		}
		return s.Status.Conditions
	}
	if c := awaitCondition(t, status, conditions, "Available", "ToolCreationFailed"); !strings.Contains(*c.Message, "far-taken") {
		t.Errorf("got %s", *c.Message)
	}
	made := w.tool("far-get-weather")
	if made == nil || made.Spec.Type != v1alpha1.ToolMCP || made.Spec.MCP.ToolName != "get_Weather" || made.Labels["mcp/server"] != "far" ||
		made.Annotations["ark.mckinsey.com/x"] != "1" || made.Annotations["other"] != "" || !*made.Spec.Annotations.IdempotentHint ||
		len(made.OwnerReferences) != 1 || !*made.OwnerReferences[0].Controller || made.Spec.InputSchema.RawJSON() != string(anyObject) {
		t.Fatalf("the tool is %+v", made)
	}
	if taken := w.tool("far-taken"); taken.Spec.Type != v1alpha1.ToolHTTP {
		t.Errorf("a Tool of somebody else is now %+v", taken.Spec)
	}

	there.set("get_Weather", "new")
	awaitCondition(t, status, conditions, "Available", "ToolsDiscovered")
	until(t, "old is gone, new is there", func() bool { return w.tool("far-old") == nil && w.tool("far-new") != nil })
	until(t, "two are counted", func() bool { s := status().Status; return s.ToolCount != nil && *s.ToolCount == 2 })
	if again := w.tool("far-get-weather"); again.UID != made.UID || again.Generation != made.Generation {
		t.Errorf("a Tool that is the same was written: %+v", again)
	}

	// A repeated request without changes writes nothing.
	quiet := status().ResourceVersion
	asked := there.asked.Load()
	until(t, "it was asked again", func() bool { return there.asked.Load() > asked+10 })
	if now := status().ResourceVersion; now != quiet {
		t.Errorf("the status was written from %s to %s though nothing has changed", quiet, now)
	}

	there.down.Store(true)
	c := awaitCondition(t, status, conditions, "Available", "ClientCreationFailed")
	if !strings.Contains(*c.Message, "503") {
		t.Errorf("got %s", *c.Message)
	}
	until(t, "no Tool is left", func() bool { return w.tool("far-new") == nil && w.tool("far-get-weather") == nil })
	there.down.Store(false)
	awaitCondition(t, status, conditions, "Available", "ToolsDiscovered")
	until(t, "they are back", func() bool { return w.tool("far-new") != nil })
}

package chat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
)

var update = flag.Bool("update", false, "write docs/chat-clients.md")

// question is what a client is to ask.
type question struct {
	model, text string
	tools       bool
}

// reply is what a client has understood of an answer.
type reply struct {
	text, finish       string
	calls              []string // NAME(ARGUMENTS)
	prompt, completion int64
}

// chatClient is an SDK. part is called after each part of a stream's text.
type chatClient interface {
	name() string
	ask(ctx context.Context, q question) (reply, error)
	stream(ctx context.Context, q question, part func(string)) (reply, error)
	// fault is what the SDK says of an error: the status, or 0 in a stream, the code and the message.
	fault(err error) (status int, code, message string)
}

// responder is one that has the Responses API.
type responder interface {
	respond(ctx context.Context, q question) (reply, error)
	respondStream(ctx context.Context, q question, part func(string)) (reply, error)
}

// conversation is what is had with each client. Those of npm's are in npm/clients.mjs, by the same
// names.
type conversation struct {
	name string
	have func(ctx context.Context, w *world, c chatClient) error
}

const weatherCall = `weather({"city":"Oslo"})`

func want(got, want reply) error {
	if got.text != want.text || got.finish != want.finish || !slices.Equal(got.calls, want.calls) {
		return fmt.Errorf("got %+v, want %+v", got, want)
	}
	return nil
}

func silent(string) {}

var (
	helloGuide = question{model: "agent/guide", text: "hello"}
	usageGuide = question{model: "agent/guide", text: "usage please"}
	callIt     = question{model: "model/default", text: "call", tools: true}
	callPieces = question{model: "model/default", text: "call in pieces", tools: true}
)

var conversations = []conversation{
	{"plain", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.ask(ctx, helloGuide)
		return errors.Join(err, want(got, reply{text: "You said: hello", finish: "stop"}))
	}},
	{"stream", func(ctx context.Context, _ *world, c chatClient) error {
		said := ""
		got, err := c.stream(ctx, question{model: "team/news", text: "hello"}, func(part string) { said += part })
		if said != got.text {
			err = errors.Join(err, fmt.Errorf("the parts are %q", said))
		}
		return errors.Join(err, want(got, reply{text: "You said: hello", finish: "stop"}))
	}},
	{"tools", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.ask(ctx, callIt)
		return errors.Join(err, want(got, reply{finish: "tool_calls", calls: []string{weatherCall}}))
	}},
	{"tools in a stream", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.stream(ctx, callPieces, silent)
		return errors.Join(err, want(got, reply{finish: "tool_calls", calls: []string{weatherCall}}))
	}},
	{"usage", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.stream(ctx, usageGuide, silent)
		whole, failed := c.ask(ctx, usageGuide)
		if got.prompt != 6 || got.completion != 4 || whole.prompt != 6 || whole.completion != 4 {
			return errors.Join(err, failed, fmt.Errorf("got %+v and %+v", got, whole))
		}
		return errors.Join(err, failed)
	}},
	{"error before the stream", func(ctx context.Context, _ *world, c chatClient) error {
		for _, f := range []struct {
			question
			status int
			code   string
		}{{question{model: "agent/none", text: "hello"}, 404, "model_not_found"}, {question{model: "agent/guide", text: "fail"}, 500, "query_failed"}} {
			got, err := c.stream(ctx, f.question, silent)
			if err == nil {
				return fmt.Errorf("got %+v", got)
			}
			if status, code, message := c.fault(err); status != f.status || code != f.code || message == "" {
				return fmt.Errorf("got %d %s %q: %w", status, code, message, err)
			}
		}
		return nil
	}},
	{"error in the stream", func(ctx context.Context, _ *world, c chatClient) error {
		said := ""
		got, err := c.stream(ctx, question{model: "agent/guide", text: "break"}, func(part string) { said += part })
		if err == nil || said == "" {
			return fmt.Errorf("got %+v after %q", got, said)
		}
		if _, _, message := c.fault(err); !strings.Contains(message, "stream") {
			return fmt.Errorf("the message is %q: %w", message, err)
		}
		return nil
	}},
	{"client disconnect", func(ctx context.Context, w *world, c chatClient) error {
		text := fmt.Sprintf("stall %s %d", c.name(), time.Now().UnixNano())
		ctx, leave := context.WithCancel(ctx)
		defer leave()
		if got, err := c.stream(ctx, question{model: "agent/guide", text: text}, func(string) { leave() }); err == nil && ctx.Err() == nil {
			return fmt.Errorf("got %+v", got)
		}
		w.awaitQuery(w.newest(text), "canceled")
		return nil
	}},
	{"slow reader", func(ctx context.Context, _ *world, c chatClient) error {
		parts := 0
		got, err := c.stream(ctx, question{model: "agent/guide", text: "long"}, func(string) {
			if parts++; parts <= 5 {
				time.Sleep(100 * time.Millisecond)
			}
		})
		if len(got.text) != longAnswer {
			return errors.Join(err, fmt.Errorf("got %d bytes", len(got.text)))
		}
		return err
	}},
	{"16 parallel", func(ctx context.Context, _ *world, c chatClient) error {
		var asking errgroup.Group
		for i := range 16 {
			asking.Go(func() error {
				text := fmt.Sprintf("nonce %s %d", c.name(), i)
				got, err := c.stream(ctx, question{model: "agent/guide", text: text}, silent)
				return errors.Join(err, want(got, reply{text: "You said: " + text, finish: "stop"}))
			})
		}
		return asking.Wait()
	}},
	{"responses", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.(responder).respond(ctx, helloGuide)
		called, failed := c.(responder).respond(ctx, callIt)
		return errors.Join(err, failed, want(got, reply{text: "You said: hello", finish: "completed"}), want(called, reply{finish: "completed", calls: []string{weatherCall}}))
	}},
	{"responses in a stream", func(ctx context.Context, _ *world, c chatClient) error {
		got, err := c.(responder).respondStream(ctx, usageGuide, silent)
		called, failed := c.(responder).respondStream(ctx, callPieces, silent)
		if got.prompt != 6 || got.completion != 4 {
			err = errors.Join(err, fmt.Errorf("the usage is %+v", got))
		}
		return errors.Join(err, failed, want(got, reply{text: "You said: usage please", finish: "completed"}), want(called, reply{finish: "completed", calls: []string{weatherCall}}))
	}},
}

// TestClients has the same conversations through every SDK, and writes down which of them pass.
func TestClients(t *testing.T) {
	w := newWorld(t, "--engine=embedded")
	verdicts := map[string]map[string]string{} // by the client and the conversation
	note := func(client, name, verdict string) {
		if verdicts[client] == nil {
			verdicts[client] = map[string]string{}
		}
		verdicts[client][name] = verdict
	}
	clients := []chatClient{newOpenAIGo(w), newGoOpenAI(w), newPython(w, "python's decoder", nil), newPython(w, "LiteLLM's requests", litellm)}
	for _, c := range clients {
		for _, having := range conversations {
			if _, ok := c.(responder); strings.HasPrefix(having.name, "responses") && !ok {
				note(c.name(), having.name, "")
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			verdict := "pass"
			if err := having.have(ctx, w, c); err != nil {
				verdict = "**fail**"
				t.Errorf("%s, %s: %v", c.name(), having.name, err)
			}
			cancel()
			note(c.name(), having.name, verdict)
		}
	}
	node := newNode(t, w)
	output := bufio.NewScanner(bytes.NewReader(node.run("clients.mjs")))
	for output.Scan() {
		var line struct {
			Client, Name, Error string
			Skipped             bool
		}
		if err := json.Unmarshal(output.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", output.Text(), err)
		}
		verdict := "pass"
		switch {
		case line.Skipped:
			verdict = ""
		case line.Error != "":
			verdict = "**fail**"
			t.Errorf("%s, %s: %s", line.Client, line.Name, line.Error)
		}
		note(line.Client, line.Name, verdict)
	}
	golden.Compare(t, filepath.Join(node.root, "docs", "chat-clients.md"), matrix(t, node, verdicts), *update, "go test ./chat -run=TestClients -update, in e2e,")
}

// matrix is the page of the verdicts.
func matrix(t *testing.T, n *node, verdicts map[string]map[string]string) string {
	var b strings.Builder
	b.WriteString("# Clients of chat\n\nWhich SDKs have which conversations with the server, each over real HTTP with a scripted model behind it: `TestClients` in e2e/chat, which has written this page.\n" +
		"An empty cell is for what the SDK does not have.\n\n| conversation |")
	clients := slices.Sorted(maps.Keys(verdicts))
	for _, c := range clients {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(clients)) + "\n")
	for _, c := range conversations {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, client := range clients {
			verdict, known := verdicts[client][c.name]
			if !known {
				t.Errorf("%s has not had %q", client, c.name)
			}
			b.WriteString(strings.TrimRight(" "+verdict, " ") + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n- Tools are functions of the client, asked of a `model/NAME`; in a stream the call's arguments come in pieces.\n" +
		"- The usage is the model's count, exactly, with a stream and without one.\n" +
		"- An error before the stream has its HTTP status and code; one in the stream comes after a part of the answer. Both raise in every SDK.\n" +
		"- A client that disconnects in the middle of an answer cancels its Query. A slow reader takes 256 KiB with pauses.\n" +
		"- \"python's decoder\" reads by the rules of the Python SDK's decoder, in Go. \"LiteLLM's requests\" are those that LiteLLM sends, with its additional fields, read by the same rules.\n\n" +
		"The versions:\n\n")
	for _, v := range n.versions() {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	return b.String()
}

// node runs programs with the packages of npm/package-lock.json.
type node struct {
	t    *testing.T
	root string
	dir  string
	env  []string
}

func newNode(t *testing.T, w *world) *node {
	t.Helper()
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, root: root, dir: t.TempDir()}
	if err := os.Symlink(nodeModules(t, root), filepath.Join(n.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(n.dir, os.DirFS("npm")); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(n.dir, "ca.crt")
	data := w.ark.Config.CAData
	if block, _ := pem.Decode(data); block == nil {
		t.Fatal("the kubeconfig has no CA")
	}
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	n.env = append(os.Environ(), "BASE_URL="+w.url+"/v1", "MCP_URL="+w.url+"/mcp", "API_KEY="+w.key, "QUERIES_URL="+w.url+queriesPath("queries", ""), "NODE_EXTRA_CA_CERTS="+ca)
	return n
}

// nodeModules is the folder with the packages of npm/package-lock.json.
func nodeModules(t *testing.T, root string) string {
	t.Helper()
	install := exec.CommandContext(t.Context(), filepath.Join(root, "e2e", "tools", "npm.sh"), "npm")
	install.Stderr = os.Stderr
	installed, err := install.Output()
	if err != nil {
		t.Fatalf("install the packages of npm: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(installed)), "node_modules")
}

// run runs a program, and returns what it prints.
func (n *node) run(program string) []byte {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", program)
	var stderr bytes.Buffer
	command.Dir, command.Env, command.Stderr = n.dir, n.env, &stderr
	out, err := command.Output()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s%s", program, err, out, stderr.Bytes())
	}
	return out
}

// versions are those of the SDKs.
func (n *node) versions() []string {
	var npm struct{ Dependencies map[string]string }
	text, err := os.ReadFile(filepath.Join("npm", "package.json"))
	if err != nil {
		n.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &npm); err != nil {
		n.t.Fatal(err)
	}
	var out []string
	for _, name := range []string{"openai", "ai", "@ai-sdk/openai-compatible", "@langchain/openai"} {
		out = append(out, fmt.Sprintf("npm `%s` %s", name, npm.Dependencies[name]))
	}
	mod, err := os.ReadFile(filepath.Join(n.root, "e2e", "go.mod"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, module := range []string{"github.com/openai/openai-go/v3", "github.com/sashabaranov/go-openai"} {
		_, rest, ok := strings.Cut(string(mod), "\t"+module+" ")
		if !ok {
			n.t.Fatalf("go.mod does not have %s", module)
		}
		version, _, _ := strings.Cut(rest, "\n")
		out = append(out, fmt.Sprintf("Go `%s` %s", module, strings.TrimPrefix(strings.Fields(version)[0], "v")))
	}
	return out
}

// TestForeignMCP has a client of another implementation use the server's MCP.
func TestForeignMCP(t *testing.T) {
	w := newWorld(t, "--engine=embedded")
	var got struct {
		Server, Asked, Failed, Listed, Unknown string
		Tools                                  []string
	}
	text := newNode(t, w).run("mcp.mjs")
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if !slices.Equal(got.Tools, []string{"agent_editor", "agent_guide", "list", "query", "search", "team_news"}) ||
		got.Asked != "You said: hello" || !strings.Contains(got.Failed, "the model does not like that") || !strings.Contains(got.Listed, `"name":"guide"`) ||
		got.Unknown == "" || got.Server == "" {
		t.Errorf("got %s", text)
	}
	if code, _ := w.call(http.MethodGet, "/mcp", "", "Authorization", "Bearer wrong"); code != http.StatusUnauthorized {
		t.Errorf("a wrong token gets %d", code)
	}
}

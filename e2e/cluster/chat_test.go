package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const chatRules = `
{apiVersion: v1, kind: Namespace, metadata: {name: chat}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: talker, namespace: chat}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: visitor, namespace: chat}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: talker, namespace: chat}, rules: [
  {apiGroups: [ark.mckinsey.com], resources: [queries], verbs: [create, get]}, {apiGroups: [ark.mckinsey.com], resources: [agents], resourceNames: [guide], verbs: [get]},
  {apiGroups: [ark.mckinsey.com], resources: [agents/proxy], verbs: [create]}, {apiGroups: [ark.mckinsey.com], resources: [queries/log], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: talker, namespace: chat}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: talker}, subjects: [{kind: ServiceAccount, name: talker, namespace: chat}]}
`

// cut is after what time kube-apiserver ends requests that are not to last.
const cut = 5 * time.Second

// TestChat is OpenAI's API in a cluster: through kube-apiserver, and at the server's own Service.
// The test is the engine, and writes to the broker as Ark's does.
func TestChat(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{Args: []string{"--request-timeout=" + cut.String()}}, "--broker-listen=127.0.0.1:0", "--broker-url=http://ark-broker.ark-system/")
	e.apply(t, chatRules, "apply", "-f", "-")
	e.apply(t, agent("guide"), "-n", "chat", "create", "-f", "-")
	e.apply(t, agent("other"), "-n", "chat", "create", "-f", "-")
	c := &chatEnv{env: e}
	c.talker, c.direct = c.account(t, "talker")
	c.visitor, c.visitorDirect = c.account(t, "visitor")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := e.ark.WaitStdout(ctx, regexp.MustCompile(`broker +(http://\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	c.broker = found[1]
	t.Run("Through kube-apiserver", c.throughCluster)
	t.Run("At the Service", c.atService)
	t.Run("What cannot be carried", c.refused)
	t.Run("Rights", c.rights)
	t.Run("Earlier messages", c.conversation)
	t.Run("The plugin", c.plugin)
}

type chatEnv struct {
	*env
	broker string
	// talker may chat with one agent, visitor nothing; each also at the Service.
	talker, visitor, direct, visitorDirect *rest.Config
}

// account is a service account through kube-apiserver, and at ark-server itself.
func (c *chatEnv) account(t *testing.T, name string) (through, direct *rest.Config) {
	t.Helper()
	token := strings.TrimSpace(c.run(t, "-n", "chat", "create", "token", name, "--duration=2h"))
	direct = rest.CopyConfig(c.ark.Direct)
	direct.BearerToken = token
	return c.cluster.TokenUser(token), direct
}

const chatPath = "/apis/ark.mckinsey.com/v1alpha1/namespaces/chat/"

// send makes a request as a user.
func (c *chatEnv) send(t *testing.T, user *rest.Config, method, path, body string, header ...string) *http.Response {
	t.Helper()
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, user.Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (c *chatEnv) call(t *testing.T, user *rest.Config, method, path, body string, header ...string) (int, string) {
	t.Helper()
	response := c.send(t, user, method, path, body, header...)
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// streamWriter is the writer of a Query's stream.
type streamWriter struct {
	c     *chatEnv
	query string
	lines *io.PipeWriter
	ended chan error
}

// write begins to write the stream of a Query, as Ark's engine does: in one request, by the name of
// a Service for the namespace.
func (c *chatEnv) write(t *testing.T, query string) *streamWriter {
	t.Helper()
	body, lines := io.Pipe()
	e := &streamWriter{c: c, query: query, lines: lines, ended: make(chan error, 1)}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.broker+"/stream/"+query, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "ark-broker.chat.svc.cluster.local"
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("write a stream: %s", response.Status)
			}
		}
		e.ended <- err
	}()
	return e
}

// say writes a chunk.
func (e *streamWriter) say(t *testing.T, text string) {
	t.Helper()
	if _, err := fmt.Fprintf(e.lines, `{"id":"x","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}],"ark":{"agent":"guide"}}`+"\n", text); err != nil {
		t.Fatal(err)
	}
}

// end ends the stream, and then the Query.
func (e *streamWriter) end(t *testing.T, answer string) {
	t.Helper()
	_ = e.lines.Close() // never fails
	if err := <-e.ended; err != nil {
		t.Fatal(err)
	}
	e.c.run(t, "-n", "chat", "patch", "query", e.query, "--subresource=status", "--type=merge", "-p", fmt.Sprintf(`{"status":{"phase":"done","response":{"content":%q}}}`, answer))
}

// events reads the data of server-sent events.
type events struct {
	t    *testing.T
	from *bufio.Reader
}

func (e events) next() string {
	e.t.Helper()
	for {
		line, err := e.from.ReadString('\n')
		if err != nil {
			e.t.Fatalf("the stream ends early: %v", err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSpace(data)
		}
	}
}

// until returns when an event has a text, and all events up to it.
func (e events) until(text string) string {
	e.t.Helper()
	var all strings.Builder
	for {
		data := e.next()
		all.WriteString(data + "\n")
		if strings.Contains(data, text) {
			return all.String()
		}
	}
}

// ask begins a stream, and returns it with the name of its Query.
func (c *chatEnv) ask(t *testing.T, user *rest.Config, path, body string) (events, string) {
	t.Helper()
	response := c.send(t, user, http.MethodPost, path, body)
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %s %s", path, response.Status, text)
	}
	_, name, _ := strings.Cut(response.Header.Get("X-Ark-Query"), "/")
	return events{t, bufio.NewReader(response.Body)}, name
}

// latest waits for the Query of a text: an answer has no header before its first part.
func (c *chatEnv) latest(t *testing.T, input string) (name string) {
	t.Helper()
	eventually(t, "the query", func() error {
		for line := range strings.Lines(c.run(t, "-n", "chat", "get", "queries", `-o=jsonpath={range .items[*]}{.metadata.name} {.spec.input}{"\n"}{end}`)) {
			if query, text, _ := strings.Cut(strings.TrimSpace(line), " "); text == input {
				name = query
				return nil
			}
		}
		return fmt.Errorf("none has the input %q", input)
	})
	return name
}

// throughCluster streams for longer than kube-apiserver lets other requests take.
func (c *chatEnv) throughCluster(t *testing.T) {
	type begun struct {
		stream events
		name   string
	}
	asked := make(chan begun, 1)
	go func() {
		stream, name := c.ask(t, c.talker, chatPath+"agents/guide/proxy/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"through"}]}`)
		asked <- begun{stream, name}
	}()
	name := c.latest(t, "through")
	log := c.send(t, c.talker, http.MethodGet, chatPath+"queries/"+name+"/log?follow=true", "")
	if log.StatusCode != http.StatusOK {
		t.Fatal(log.Status)
	}
	engine := c.write(t, name)
	engine.say(t, "one ")
	answer := <-asked
	if answer.name != name {
		t.Errorf("the answer names the query %q, want %q", answer.name, name)
	}
	answer.stream.until(`"content":"one "`)
	said := bufio.NewReader(log.Body)
	if word, err := said.ReadString(' '); word != "one " || err != nil {
		t.Fatalf("the log begins with %q, %v", word, err)
	}
	time.Sleep(cut + 2*time.Second)
	engine.say(t, "two")
	answer.stream.until(`"content":"two"`)
	engine.end(t, "one two")
	rest := answer.stream.until("[DONE]")
	if !strings.Contains(rest, `"finish_reason":"stop"`) || !strings.Contains(rest, "completedQuery") {
		t.Errorf("the stream ends with %s", rest)
	}
	if text, err := io.ReadAll(said); string(text) != "two\n" || err != nil {
		t.Errorf("the log ends with %q, %v", text, err)
	}
	if manager := c.run(t, "-n", "chat", "get", "query", name, "-o=jsonpath={.spec.target.name}"); manager != "guide" {
		t.Errorf("the query is for %q", manager)
	}
}

// atService asks ark-server itself, as kube-apiserver's users.
func (c *chatEnv) atService(t *testing.T) {
	if status, body := c.call(t, c.direct, http.MethodGet, "/v1/models", "", "X-Ark-Namespace", "chat"); status != http.StatusOK || !strings.Contains(body, "agent/guide") || strings.Contains(body, "agent/other") {
		t.Errorf("the models: %d %s", status, body)
	}
	if status, body := c.call(t, c.visitorDirect, http.MethodGet, "/openai/v1/models", "", "X-Ark-Namespace", "chat"); status != http.StatusOK || strings.Contains(body, "agent/") {
		t.Errorf("the models of a visitor: %d %s", status, body)
	}
	if status, body := c.call(t, c.direct, http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "X-Ark-Namespace", "chat", "Mcp-Protocol-Version", "2025-06-18",
		"Accept", "application/json, text/event-stream"); status != http.StatusOK || !strings.Contains(body, "agent_guide") || strings.Contains(body, "agent_other") {
		t.Errorf("the tools of MCP: %d %s", status, body)
	}
	answered := make(chan string, 1)
	go func() {
		status, body := c.call(t, c.direct, http.MethodPost, "/v1/chat/completions", `{"model":"chat/agent/guide","messages":[{"role":"user","content":"at the service"}]}`)
		answered <- fmt.Sprint(status, " ", body)
	}()
	engine := c.write(t, c.latest(t, "at the service"))
	engine.say(t, "yes")
	engine.end(t, "yes")
	if got := <-answered; !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"content":"yes"`) {
		t.Errorf("got %s", got)
	}
	go func() {
		status, body := c.call(t, c.direct, http.MethodPost, "/v1/responses", `{"model":"chat/agent/guide","input":"respond"}`)
		answered <- fmt.Sprint(status, " ", body)
	}()
	engine = c.write(t, c.latest(t, "respond"))
	engine.say(t, "surely")
	engine.end(t, "surely")
	if got := <-answered; !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"text":"surely"`) {
		t.Errorf("got %s", got)
	}
}

// refused: what a Query cannot carry to an engine outside is refused, not dropped.
func (c *chatEnv) refused(t *testing.T) {
	for what, body := range map[string]string{
		"temperature":   `{"temperature":0.5,"messages":[{"role":"user","content":"refused"}]}`,
		"a system text": `{"messages":[{"role":"system","content":"x"},{"role":"user","content":"refused"}]}`,
		"an image":      `{"messages":[{"role":"user","content":[{"type":"text","text":"refused"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}`,
		"a format":      `{"response_format":{"type":"json_object"},"messages":[{"role":"user","content":"refused"}]}`,
	} {
		status, text := c.call(t, c.talker, http.MethodPost, chatPath+"agents/guide/proxy/v1/chat/completions", body)
		if status != http.StatusBadRequest || !strings.Contains(text, "unsupported_parameter") {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if list := c.run(t, "-n", "chat", "get", "queries", "-o=jsonpath={.items[*].spec.input}"); strings.Contains(list, "refused") {
		t.Errorf("a query was made: %s", list)
	}
}

// rights: nobody asks or reads who may not, whichever way they come.
func (c *chatEnv) rights(t *testing.T) {
	const ask = `{"model":"agent/guide","messages":[{"role":"user","content":"no right"}]}`
	nobody := rest.CopyConfig(c.direct)
	nobody.BearerToken = ""
	name := c.latest(t, "through")
	for _, one := range []struct {
		what         string
		user         *rest.Config
		method, path string
		body         string
		status       int
		text         string
	}{
		{"proxy through kube-apiserver", c.visitor, http.MethodPost, chatPath + "agents/guide/proxy/v1/chat/completions", ask, 403, "agents/proxy"},
		{"proxy at the Service", c.visitorDirect, http.MethodPost, chatPath + "agents/guide/proxy/v1/chat/completions", ask, 403, "agents/proxy"},
		{"log", c.visitor, http.MethodGet, chatPath + "queries/" + name + "/log?follow=true", "", 403, "queries/log"},
		{"chat", c.visitorDirect, http.MethodPost, "/v1/chat/completions", strings.Replace(ask, "agent/", "chat/agent/", 1), 403, "permission_error"},
		{"another agent", c.direct, http.MethodPost, "/v1/chat/completions", strings.Replace(ask, "agent/guide", "chat/agent/other", 1), 403, "permission_error"},
		{"without a token", nobody, http.MethodPost, "/v1/chat/completions", ask, 401, "invalid_api_key"},
		{"a stream", c.visitorDirect, http.MethodGet, "/namespaces/chat/stream/" + name, "", 403, "FORBIDDEN"},
		{"to write a stream", c.direct, http.MethodPost, "/namespaces/chat/stream/" + name, "{}", 403, "FORBIDDEN"},
		{"conversations", c.direct, http.MethodGet, "/namespaces/chat/conversations", "", 403, "FORBIDDEN"},
	} {
		if status, body := c.call(t, one.user, one.method, one.path, one.body); status != one.status || !strings.Contains(body, one.text) {
			t.Errorf("%s: %d %s", one.what, status, body)
		}
	}
	if status, body := c.call(t, nobody, http.MethodGet, "/v1/models", "", "X-Remote-User", "admin", "X-Remote-Group", "system:masters"); status != http.StatusUnauthorized {
		t.Errorf("with the aggregator's headers: %d %s", status, body)
	}
}

// conversation: earlier messages are in a Memory whose address engines reach.
func (c *chatEnv) conversation(t *testing.T) {
	answered := make(chan string, 1)
	go func() {
		status, body := c.call(t, c.direct, http.MethodPost, "/v1/chat/completions", `{"model":"chat/agent/guide","messages":[{"role":"user","content":"earlier"},{"role":"assistant","content":"between"},{"role":"user","content":"later"}]}`)
		answered <- fmt.Sprint(status, " ", body)
	}()
	name := c.latest(t, "later")
	id := c.run(t, "-n", "chat", "get", "query", name, "-o=jsonpath={.spec.conversationId}")
	if address := c.run(t, "-n", "chat", "get", "memory", "ark-server", "-o=jsonpath={.status.lastResolvedAddress}"); address != "http://ark-broker.ark-system/namespaces/chat" {
		t.Errorf("the memory is at %q", address)
	}
	response, err := http.Get(c.broker + "/namespaces/chat/messages?conversation_id=" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var page struct {
		Items []struct {
			Message struct{ Role, Content string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || len(page.Items) != 2 || page.Items[0].Message.Content != "earlier" || page.Items[1].Message.Role != "assistant" {
		t.Errorf("the conversation is %+v, %v", page, err)
	}
	engine := c.write(t, name)
	engine.say(t, "so it is")
	engine.end(t, "so it is")
	if got := <-answered; !strings.HasPrefix(got, "200 ") {
		t.Errorf("got %s", got)
	}
}

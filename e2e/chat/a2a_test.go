package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2aclient/agentcard"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
)

const guidePath = "/a2a/namespaces/default/agents/guide"

// withKey adds a token to requests.
type withKey struct {
	next http.RoundTripper
	key  string
}

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+k.key)
	return k.next.RoundTrip(r)
}

// agentOf is the protocol's own client for the agent guide, in one of the versions that its card
// offers.
func (w *world) agentOf(key string, version protocol.ProtocolVersion) *a2aclient.Client {
	w.t.Helper()
	client := &http.Client{Transport: withKey{w.http.Transport, key}}
	resolver := agentcard.NewResolver(client)
	if version == a2av0.Version {
		resolver.CardParser = a2av0.NewAgentCardParser()
	}
	card, err := resolver.Resolve(w.t.Context(), w.url+guidePath)
	if err != nil {
		w.t.Fatal(err)
	}
	of := slices.DeleteFunc(slices.Clone(card.SupportedInterfaces), func(i *protocol.AgentInterface) bool { return i.ProtocolVersion != version })
	if len(of) == 0 {
		w.t.Fatalf("the card does not offer %s: %+v", version, card)
	}
	made, err := a2aclient.NewFromEndpoints(w.t.Context(), of, a2aclient.WithJSONRPCTransport(client),
		a2aclient.WithCompatTransport(a2av0.Version, protocol.TransportProtocolJSONRPC, a2av0.NewJSONRPCTransportFactory(a2av0.JSONRPCTransportConfig{Client: client})))
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// in is the same world for another test.
func (w *world) in(t *testing.T) *world {
	here := *w
	here.t = t
	return &here
}

func saying(text string) *protocol.SendMessageRequest {
	return &protocol.SendMessageRequest{Message: protocol.NewMessage(protocol.MessageRoleUser, protocol.NewTextPart(text))}
}

func sendTo(t *testing.T, c *a2aclient.Client, r *protocol.SendMessageRequest) *protocol.Task {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	got, err := c.SendMessage(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	task, ok := got.(*protocol.Task)
	if !ok {
		t.Fatalf("got %+v", got)
	}
	return task
}

// shownTask is what a client sees of a task.
func shownTask(task *protocol.Task) string {
	var out strings.Builder
	out.WriteString(strings.TrimPrefix(string(task.Status.State), "TASK_STATE_"))
	if task.Status.Message != nil {
		fmt.Fprintf(&out, " (%s)", task.Status.Message.Parts[0].Text())
	}
	for _, m := range task.History {
		fmt.Fprintf(&out, "; %s: %s", strings.TrimPrefix(string(m.Role), "ROLE_"), m.Parts[0].Text())
	}
	for _, a := range task.Artifacts {
		fmt.Fprintf(&out, "; artifact: %s", a.Parts[0].Text())
	}
	return out.String()
}

// Every Agent is an agent of the A2A protocol, for the protocol's own client in both versions.
func TestA2A(t *testing.T) {
	w := newWorld(t, "--engine=embedded")
	for _, version := range []protocol.ProtocolVersion{protocol.Version, a2av0.Version} {
		t.Run(string(version), func(t *testing.T) {
			w := w.in(t)
			c := w.agentOf(w.key, version)
			t.Run("messages", func(t *testing.T) { testA2AMessages(t, w, c) })
			t.Run("streams", func(t *testing.T) { testA2AStreams(t, w, c) })
			t.Run("cancel", func(t *testing.T) { testA2ACancel(t, w, c) })
			t.Run("refused", func(t *testing.T) { testA2ARefused(t, c) })
			t.Run("rights", func(t *testing.T) { testA2ARights(t, w, version) })
		})
	}
	t.Run("approval", func(t *testing.T) { testA2AApproval(t, w) })
	t.Run("paths", func(t *testing.T) { testA2APaths(t, w) })
	t.Run("keys", func(t *testing.T) { testA2AKeys(t, w) })
	t.Run("list", func(t *testing.T) { testA2AList(t, w) })
}

func testA2AMessages(t *testing.T, w *world, c *a2aclient.Client) {
	first := sendTo(t, c, saying("hello"))
	if got, want := shownTask(first), "COMPLETED; USER: hello; AGENT: You said: hello; artifact: You said: hello"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	again, err := c.GetTask(t.Context(), &protocol.GetTaskRequest{ID: first.ID})
	if err != nil || shownTask(again) != shownTask(first) || again.ContextID != first.ContextID {
		t.Errorf("got %+v, %v", again, err)
	}
	var q struct {
		Spec struct {
			Input, SessionID string
			Target           struct{ Type, Name string }
		}
	}
	if code, body := w.call(http.MethodGet, queriesPath("queries", string(first.ID)), ""); code != http.StatusOK ||
		json.Unmarshal([]byte(body), &q) != nil || q.Spec.Input != "hello" || q.Spec.Target.Type+"/"+q.Spec.Target.Name != "agent/guide" || q.Spec.SessionID != first.ContextID {
		t.Errorf("the query is %d %s", code, body)
	}
	next := saying("more")
	next.Message.ContextID = first.ContextID
	if second := sendTo(t, c, next); second.ContextID != first.ContextID || second.ID == first.ID {
		t.Errorf("got %+v", second)
	}
	failed := sendTo(t, c, saying("fail"))
	if got := shownTask(failed); !strings.HasPrefix(got, "FAILED (") || !strings.Contains(got, "the model does not like that") {
		t.Errorf("got %s", got)
	}
	data := saying("read")
	data.Message.Parts = append(data.Message.Parts, protocol.NewDataPart(map[string]any{"city": "Oslo"}))
	if got := shownTask(sendTo(t, c, data)); !strings.Contains(got, `AGENT: You said: read`+"\n"+`{"city":"Oslo"}`) {
		t.Errorf("got %s", got)
	}
	none, short := 0, saying("short")
	short.Config = &protocol.SendMessageConfig{HistoryLength: &none}
	if got := sendTo(t, c, short); len(got.History) != 0 || len(got.Artifacts) != 1 {
		t.Errorf("got %s", shownTask(got))
	}
}

// a2aEvents are those of a stream as texts, and the task that it is about.
func a2aEvents(t *testing.T, seq func(func(protocol.Event, error) bool)) (shown []string, answer string) {
	t.Helper()
	for event, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case *protocol.Task:
			shown = append(shown, "task")
		case *protocol.TaskArtifactUpdateEvent:
			if !e.Append {
				answer = ""
			}
			answer += e.Artifact.Parts[0].Text()
			if len(shown) == 0 || shown[len(shown)-1] != "artifact" {
				shown = append(shown, "artifact")
			}
		case *protocol.TaskStatusUpdateEvent:
			shown = append(shown, strings.TrimPrefix(string(e.Status.State), "TASK_STATE_"))
		}
	}
	return shown, answer
}

func testA2AStreams(t *testing.T, w *world, c *a2aclient.Client) {
	shown, answer := a2aEvents(t, c.SendStreamingMessage(t.Context(), saying("stream this")))
	// The task may be seen before it runs, or not.
	if got := strings.Join(slices.DeleteFunc(shown, func(s string) bool { return s == "WORKING" }), " "); got != "task artifact COMPLETED" || answer != "You said: stream this" {
		t.Errorf("got %v, %q", shown, answer)
	}
	input := fmt.Sprintf("hang %d", time.Now().UnixNano())
	ctx, leave := context.WithCancel(t.Context())
	var id protocol.TaskID
	for event, err := range c.SendStreamingMessage(ctx, saying(input)) {
		if err != nil {
			t.Fatal(err)
		}
		id = event.TaskInfo().TaskID
		break
	}
	leave() // the task goes on without its client
	w.awaitAsked(input)
	for { // the model is asked while the task's claim is written
		task, err := c.GetTask(t.Context(), &protocol.GetTaskRequest{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if task.Status.State != protocol.TaskStateSubmitted {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ended := make(chan error, 1)
	var canceled []string
	for event, err := range c.SubscribeToTask(t.Context(), &protocol.SubscribeToTaskRequest{ID: id}) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case *protocol.Task:
			canceled = append(canceled, string(e.Status.State))
			go func() {
				_, err := c.CancelTask(t.Context(), &protocol.CancelTaskRequest{ID: id})
				ended <- err
			}()
		case *protocol.TaskStatusUpdateEvent:
			canceled = append(canceled, string(e.Status.State))
		}
	}
	if err := <-ended; err != nil || !slices.Equal(canceled, []string{"TASK_STATE_WORKING", "TASK_STATE_CANCELED"}) {
		t.Errorf("got %v, %v", canceled, err)
	}
}

func testA2ACancel(t *testing.T, w *world, c *a2aclient.Client) {
	input := fmt.Sprintf("hang here %d", time.Now().UnixNano())
	r := saying(input)
	r.Config = &protocol.SendMessageConfig{ReturnImmediately: true}
	task := sendTo(t, c, r)
	if task.Status.State.Terminal() {
		t.Errorf("got %s", shownTask(task))
	}
	w.awaitAsked(input)
	ended, err := c.CancelTask(t.Context(), &protocol.CancelTaskRequest{ID: task.ID})
	if err != nil || ended.Status.State != protocol.TaskStateCanceled {
		t.Errorf("got %+v, %v", ended, err)
	}
	if _, err := c.CancelTask(t.Context(), &protocol.CancelTaskRequest{ID: task.ID}); !errors.Is(err, protocol.ErrTaskNotCancelable) {
		t.Errorf("got %v", err)
	}
	more := saying("more")
	more.Message.TaskID = task.ID
	if _, err := c.SendMessage(t.Context(), more); !errors.Is(err, protocol.ErrUnsupportedOperation) || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("got %v", err)
	}
}

func testA2ARefused(t *testing.T, c *a2aclient.Client) {
	long := saying("x")
	long.Message.ContextID = strings.Repeat("x", 300)
	elsewhere := saying("x")
	elsewhere.Message.TaskID = "chat-nobody"
	for _, k := range []struct {
		what string
		r    *protocol.SendMessageRequest
		want error
	}{
		{"no text", saying("  "), protocol.ErrInvalidParams},
		{"a file", &protocol.SendMessageRequest{Message: protocol.NewMessage(protocol.MessageRoleUser, protocol.NewTextPart("see"), protocol.NewRawPart([]byte("x")))}, protocol.ErrUnsupportedContentType},
		{"a context that is too long", long, protocol.ErrInvalidParams},
		{"no such task", elsewhere, protocol.ErrTaskNotFound},
	} {
		if _, err := c.SendMessage(t.Context(), k.r); !errors.Is(err, k.want) {
			t.Errorf("%s: got %v, want %v", k.what, err, k.want)
		}
	}
	for _, id := range []protocol.TaskID{"nobody", "../agents/guide", ".."} {
		if _, err := c.GetTask(t.Context(), &protocol.GetTaskRequest{ID: id}); !errors.Is(err, protocol.ErrTaskNotFound) {
			t.Errorf("%s: got %v", id, err)
		}
	}
}

// newUser makes a user who may do what the rules say in the namespace default.
func (w *world) newUser(name, rules string) string {
	w.t.Helper()
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	for path, body := range map[string]string{
		"roles":        `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"` + name + `"},"rules":` + rules + `}`,
		"rolebindings": `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"` + name + `"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"` + name + `"},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"` + name + `"}]}`,
	} {
		if code, text := w.call(http.MethodPost, rbac+path, body); code != http.StatusCreated {
			w.t.Fatalf("%d %s", code, text)
		}
	}
	code, text := w.call(http.MethodPost, "/ark/tokens", `{"user":"`+name+`","ttlSeconds":600}`)
	var made struct {
		Token string `json:"token"`
	}
	if code != http.StatusCreated || json.Unmarshal([]byte(text), &made) != nil {
		w.t.Fatalf("%d", code)
	}
	return made.Token
}

const (
	mayRead = `{"apiGroups":["ark.mckinsey.com"],"resources":["agents"],"verbs":["get"]}`
	mayAsk  = `{"apiGroups":["ark.mckinsey.com"],"resources":["queries"],"verbs":["create"]}`
)

// Who may get the agent and create Queries asks it, and a task is for who has made it and who may
// get its Query.
func testA2ARights(t *testing.T, w *world, version protocol.ProtocolVersion) {
	suffix := strings.ReplaceAll(string(version), ".", "-")
	reader := w.agentOf(w.newUser("reader-"+suffix, "["+mayRead+"]"), version)
	if _, err := reader.SendMessage(t.Context(), saying("hello")); !errors.Is(err, protocol.ErrUnauthorized) {
		t.Errorf("who may not create queries: got %v", err)
	}
	asker := w.agentOf(w.newUser("asker-"+suffix, "["+mayRead+","+mayAsk+"]"), version)
	other := w.agentOf(w.newUser("other-"+suffix, "["+mayRead+","+mayAsk+"]"), version)
	task := sendTo(t, asker, saying("mine"))
	if got, err := asker.GetTask(t.Context(), &protocol.GetTaskRequest{ID: task.ID}); err != nil || shownTask(got) != shownTask(task) {
		t.Errorf("who has made it: got %+v, %v", got, err)
	}
	for name, c := range map[string]*a2aclient.Client{"another asker": other, "a reader": reader} {
		if _, err := c.GetTask(t.Context(), &protocol.GetTaskRequest{ID: task.ID}); !errors.Is(err, protocol.ErrTaskNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := c.CancelTask(t.Context(), &protocol.CancelTaskRequest{ID: task.ID}); !errors.Is(err, protocol.ErrTaskNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got, err := w.agentOf(w.key, version).GetTask(t.Context(), &protocol.GetTaskRequest{ID: task.ID}); err != nil || shownTask(got) != shownTask(task) {
		t.Errorf("who may get queries: got %+v, %v", got, err)
	}
}

func testA2APaths(t *testing.T, w *world) {
	w = w.in(t)
	stranger := w.newUser("stranger", "[]")
	for _, c := range []struct {
		method, path, key, body string
		status                  int
		text                    string
	}{
		{"GET", guidePath + "/.well-known/agent-card.json", w.key, "", 200, `"name": "guide"`},
		{"GET", guidePath + "/.well-known/agent.json", w.key, "", 200, `"protocolVersion": "0.3`},
		{"GET", guidePath + "/.well-known/agent-card.json", "", "", 403, ""},
		{"POST", guidePath, "", "{}", 403, ""},
		{"GET", guidePath + "/.well-known/agent-card.json", stranger, "", 403, "agents"},
		{"POST", guidePath, stranger, "{}", 403, "agents"},
		{"GET", "/a2a/namespaces/default/agents/nobody/.well-known/agent-card.json", w.key, "", 404, "nobody"},
		{"GET", guidePath, w.key, "", 405, "use POST"},
		{"GET", "/a2a/agents/guide", w.key, "", 404, "/a2a/namespaces/NAMESPACE/agents/NAME"},
		{"POST", guidePath, w.key, `{"jsonrpc":"2.0","id":1,"method":"Sing"}`, 200, `"code":-32601`},
		{"POST", guidePath, w.key, `{"jsonrpc":"2.0","id":1,"method":"sing/song"}`, 200, `"code":-32601`},
		{"POST", guidePath, w.key, `no JSON`, 200, `"code":-32700`},
	} {
		header := []string{"Authorization", ""}
		if c.key != "" {
			header[1] = "Bearer " + c.key
		}
		status, body := w.call(c.method, c.path, c.body, header...)
		if status != c.status && !(c.status == 403 && c.key == "" && status == 401) || !strings.Contains(body, c.text) {
			t.Errorf("%s %s: got %d %s", c.method, c.path, status, body)
		}
	}
	message := `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]}}}`
	if status, body := w.call("POST", guidePath, message, "A2A-Version", "9.0"); status != 200 || !strings.Contains(body, "-32009") {
		t.Errorf("a version to come: got %d %s", status, body)
	}
	if status, body := w.call("POST", guidePath, strings.Replace(message, `"x"`, `"`+strings.Repeat("x", 4<<20)+`"`, 1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large message: got %d %.200s", status, body)
	}
}

// Keys for chat open the agents that they are for.
func testA2AKeys(t *testing.T, w *world) {
	w = w.in(t)
	guide, editor, elsewhere := w.newKey("default", "agent/guide"), w.newKey("default", "agent/editor"), w.newKey("elsewhere")
	if got := shownTask(sendTo(t, w.agentOf(guide, protocol.Version), saying("key"))); !strings.Contains(got, "You said: key") {
		t.Errorf("got %s", got)
	}
	for name, key := range map[string]string{"of another agent": editor, "of another namespace": elsewhere} {
		if status, body := w.call("POST", guidePath, "{}", "Authorization", "Bearer "+key); status != http.StatusForbidden || !strings.Contains(body, "the key is") {
			t.Errorf("a key %s: got %d %s", name, status, body)
		}
	}
}

func testA2AList(t *testing.T, w *world) {
	w = w.in(t)
	c := w.agentOf(w.key, protocol.Version)
	var made []string
	r := saying("listed")
	r.Message.ContextID = "list-me"
	for range 3 {
		made = append(made, string(sendTo(t, c, r).ID))
	}
	slices.Sort(made)
	var got []string
	asked := &protocol.ListTasksRequest{ContextID: "list-me", PageSize: 2, Status: protocol.TaskStateCompleted}
	for pages := 0; pages < 20; pages++ {
		page, err := c.ListTasks(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Tasks {
			got = append(got, string(task.ID))
			if len(task.Artifacts) != 0 {
				t.Error("artifacts that nobody asked for")
			}
		}
		if len(page.Tasks) > 2 {
			t.Errorf("a page of %d", len(page.Tasks))
		}
		if asked.PageToken = page.NextPageToken; asked.PageToken == "" {
			break
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, made) {
		t.Errorf("got %v, want %v", got, made)
	}
}

// A task whose agent needs the approval of a person is input-required, and goes on with the
// decision of who may decide.
func testA2AApproval(t *testing.T, w *world) {
	w = w.in(t)
	w.create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"careful"},"spec":{"prompt":"You are careful.","tools":[{"type":"builtin","name":"weather","partial":{"name":"noop"},"approval":{"required":true}}]}}`)
	of := func(key string) *a2aclient.Client {
		client := &http.Client{Transport: withKey{w.http.Transport, key}}
		at := protocol.NewAgentInterface(w.url+strings.Replace(guidePath, "guide", "careful", 1), protocol.TransportProtocolJSONRPC)
		made, err := a2aclient.NewFromEndpoints(t.Context(), []*protocol.AgentInterface{at}, a2aclient.WithJSONRPCTransport(client))
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	asker := of(w.newUser("careful-asker", "["+mayRead+","+mayAsk+"]"))
	waiting := sendTo(t, asker, saying("call it"))
	if waiting.Status.State != protocol.TaskStateInputRequired {
		t.Fatalf("got %s", shownTask(waiting))
	}
	answer := func(text string) *protocol.SendMessageRequest {
		r := saying(text)
		r.Message.TaskID = waiting.ID
		return r
	}
	if _, err := asker.SendMessage(t.Context(), answer("approved")); !errors.Is(err, protocol.ErrUnauthorized) {
		t.Errorf("who may not decide: got %v", err)
	}
	admin := of(w.key)
	if _, err := admin.SendMessage(t.Context(), answer("well")); !errors.Is(err, protocol.ErrInvalidParams) {
		t.Errorf("no decision: got %v", err)
	}
	r := answer("")
	r.Message.Parts = protocol.ContentParts{protocol.NewDataPart(map[string]any{"decision": "rejected"})}
	if ended := sendTo(t, admin, r); ended.ID != waiting.ID || ended.Status.State != protocol.TaskStateCompleted || !strings.Contains(shownTask(ended), "You said: The call was rejected by the user.") {
		t.Errorf("got %s", shownTask(ended))
	}
}

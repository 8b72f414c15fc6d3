package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// elsewhere is an agent of an A2A server. It chooses its answer by the question, and answers as an
// execution engine does if the request names a Query.
type elsewhere struct{}

// tokenKey is the context key of a request's X-Token header.
type tokenKey struct{}

const queryRef = "https://github.com/mckinsey/agents-at-scale-ark/tree/main/ark/api/extensions/query/v1/ref"

func (elsewhere) Execute(ctx context.Context, x *a2asrv.ExecutorContext) iter.Seq2[protocol.Event, error] {
	words := func(s string) *protocol.Message {
		m := protocol.NewMessage(protocol.MessageRoleAgent, protocol.NewTextPart(s))
		m.ContextID = x.ContextID
		return m
	}
	return func(yield func(protocol.Event, error) bool) {
		asked := x.Message.Parts[0].Text()
		task := func(state protocol.TaskState, said *protocol.Message) {
			if yield(protocol.NewSubmittedTask(x, x.Message), nil) {
				yield(protocol.NewStatusUpdateEvent(x, state, said), nil)
			}
		}
		switch asked {
		case "task":
			if yield(protocol.NewSubmittedTask(x, x.Message), nil) && yield(protocol.NewArtifactEvent(x, protocol.NewTextPart("made")), nil) {
				yield(protocol.NewStatusUpdateEvent(x, protocol.TaskStateCompleted, nil), nil)
			}
		case "history":
			t := protocol.NewSubmittedTask(x, x.Message)
			t.History = append(t.History, words("first"), words("then"))
			t.Status.State = protocol.TaskStateCompleted
			yield(t, nil)
		case "fail":
			task(protocol.TaskStateFailed, words("out of order"))
		case "input":
			task(protocol.TaskStateInputRequired, words("which city?"))
		case "hang":
			<-ctx.Done()
		case "headers":
			yield(words(fmt.Sprint("X-Token: ", ctx.Value(tokenKey{}))), nil)
		default:
			ref, of := x.Message.Metadata[queryRef]
			text, err := json.Marshal(ref)
			if err != nil {
				text = []byte(err.Error())
			}
			said := words(fmt.Sprintf("asked: %s, of: %s, by: %v", asked, text, x.Message.Extensions))
			if of {
				said.Metadata = map[string]any{queryRef: map[string]any{
					"messages":   []any{map[string]any{"role": "assistant", "content": "thinking"}, map[string]any{"role": "tool", "content": "seen", "tool_call_id": "x"}},
					"tokenUsage": map[string]any{"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
				}}
			}
			yield(said, nil)
		}
	}
}

func (elsewhere) Cancel(context.Context, *a2asrv.ExecutorContext) iter.Seq2[protocol.Event, error] {
	return func(func(protocol.Event, error) bool) {}
}

// a2aServers starts a server of each protocol version, and adds their URLs to the table's places.
func a2aServers(t *testing.T, places map[string]string) {
	t.Helper()
	for place, handler := range map[string]http.Handler{
		"{{old}}": a2av0.NewJSONRPCHandler(a2asrv.NewHandler(elsewhere{})),
		"{{new}}": a2asrv.NewJSONRPCHandler(a2asrv.NewHandler(elsewhere{})),
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, r.Header.Get("X-Token"))))
		}))
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		places[place] = server.URL
	}
}

// a2aOf returns an A2AServer at one of the table's places, and the Agent "far" that it offers.
func a2aOf(place, spec string) string {
	return fmt.Sprintf(`
apiVersion: ark.mckinsey.com/v1prealpha1
kind: A2AServer
metadata: {name: far}
spec: {address: {value: "{{%s}}"}%s}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: far, annotations: {ark.mckinsey.com/a2a-server-name: far, ark.mckinsey.com/a2a-server-address: "{{%s}}"}}
spec: {prompt: unused, executionEngine: {name: a2a}}
---`, place, spec, place)
}

// saying returns a Query to the agent "far".
func saying(text string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: ` + text + `, target: {type: agent, name: far}}`
}

const engineOf = `
apiVersion: ark.mckinsey.com/v1prealpha1
kind: ExecutionEngine
metadata: {name: langchain}
spec: {address: {value: "{{old}}"}}
---`

// The agent of an A2AServer becomes an Agent, which follows the server's card and is deleted with
// the server.
func TestAgentsOfServers(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Hi"} })
	var name atomic.Value
	name.Store("Weather Agent_1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name.Load() == "" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"name":%q,"description":"knows","url":"http://x/","version":"1","protocolVersion":"0.3.0","capabilities":{"streaming":true},"skills":[]}`, name.Load())
	}))
	t.Cleanup(server.Close)
	w.apply(`
apiVersion: ark.mckinsey.com/v1prealpha1
kind: A2AServer
metadata: {name: far}
spec: {address: {value: "` + server.URL + `"}, pollInterval: 100ms}`)
	w.start(Limits{}, func(o *Options) { o.Statuses = true })
	status := func() *v1prealpha1.A2AServer {
		s := &v1prealpha1.A2AServer{}
		if err := w.admin.Get(w.ctx, "a2aservers", "default", "far", s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ofServer := func(s *v1prealpha1.A2AServer) []v1alpha1.Condition {
		if s.Status == nil {
			return nil
		}
		return s.Status.Conditions
	}
	agent := func(name string) func() *v1alpha1.Agent {
		return func() *v1alpha1.Agent {
			a := &v1alpha1.Agent{}
			if err := w.admin.Get(w.ctx, "agents", "default", name, a); err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
			return a
		}
	}
	ofAgent := func(a *v1alpha1.Agent) []v1alpha1.Condition {
		if a.Status == nil {
			return nil
		}
		return a.Status.Conditions
	}
	awaitCondition(t, status, ofServer, "Ready", "AgentDiscovered")
	awaitCondition(t, agent("weather-agent-1"), ofAgent, "Available", "Available")
	made := agent("weather-agent-1")()
	if made.Labels["a2a/server"] != "far" || made.Annotations["ark.mckinsey.com/a2a-server-address"] != server.URL || made.Annotations["ark.mckinsey.com/a2a-streaming-supported"] != "true" ||
		made.Spec.ExecutionEngine.Name != "a2a" || *made.Spec.Description != "knows" || len(made.OwnerReferences) != 1 {
		t.Errorf("the agent is %+v", made)
	}
	name.Store("Other")
	until(t, "the new agent is there, the old one gone", func() bool { return agent("other")().UID != "" && agent("weather-agent-1")().UID == "" })
	name.Store("")
	awaitCondition(t, status, ofServer, "Ready", "DiscoveryFailed")
	awaitCondition(t, agent("other"), ofAgent, "Available", "A2AServerNotReady")
}

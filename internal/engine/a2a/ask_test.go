package a2a

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

// agent chooses its answer by the question.
type agent struct{}

func (agent) Execute(ctx context.Context, x *a2asrv.ExecutorContext) iter.Seq2[protocol.Event, error] {
	asked := text(x.Message.Parts)
	words := func(s string) *protocol.Message {
		return protocol.NewMessage(protocol.MessageRoleAgent, protocol.NewTextPart(s))
	}
	return func(yield func(protocol.Event, error) bool) {
		switch asked {
		case "task":
			if !yield(protocol.NewSubmittedTask(x, x.Message), nil) {
				return
			}
			first := protocol.NewArtifactEvent(x, protocol.NewTextPart("one "))
			if !yield(first, nil) || !yield(protocol.NewArtifactUpdateEvent(x, first.Artifact.ID, protocol.NewTextPart("two")), nil) {
				return
			}
			yield(protocol.NewStatusUpdateEvent(x, protocol.TaskStateCompleted, nil), nil)
		case "status":
			if yield(protocol.NewSubmittedTask(x, x.Message), nil) {
				yield(protocol.NewStatusUpdateEvent(x, protocol.TaskStateCompleted, words("only a status")), nil)
			}
		case "fail":
			if yield(protocol.NewSubmittedTask(x, x.Message), nil) {
				yield(protocol.NewStatusUpdateEvent(x, protocol.TaskStateFailed, words("out of order")), nil)
			}
		case "input":
			if yield(protocol.NewSubmittedTask(x, x.Message), nil) {
				yield(protocol.NewStatusUpdateEvent(x, protocol.TaskStateInputRequired, words("which city?")), nil)
			}
		case "hang":
			<-ctx.Done()
		default:
			said := words(fmt.Sprintf("You asked %s with %v", asked, x.Message.Metadata["key"]))
			said.ContextID = x.ContextID
			yield(said, nil)
		}
	}
}

func (agent) Cancel(context.Context, *a2asrv.ExecutorContext) iter.Seq2[protocol.Event, error] {
	return func(func(protocol.Event, error) bool) {}
}

func servers(t *testing.T) map[string]Agent {
	t.Helper()
	out := map[string]Agent{}
	for version, handler := range map[string]http.Handler{
		"0.3": a2av0.NewJSONRPCHandler(a2asrv.NewHandler(agent{})),
		"1.0": a2asrv.NewJSONRPCHandler(a2asrv.NewHandler(agent{})),
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		out[version] = Agent{URL: server.URL, Client: outbound.NewClient(outbound.Policy{Loopback: true})}
	}
	return out
}

func TestAsk(t *testing.T) {
	for version, place := range servers(t) {
		for _, c := range []struct{ asked, answer, fault string }{
			{"x", "You asked x with value", ""},
			{"task", "one two", ""},
			{"status", "only a status", ""},
			{"fail", "", "the agent's task is failed: out of order"},
			{"input", "", "the agent's task is input-required: which city?"},
		} {
			for _, streams := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s stream=%t", version, c.asked, streams), func(t *testing.T) {
					q := Question{Text: c.asked, Metadata: map[string]any{"key": "value"}}
					var parts []string
					if streams {
						q.Said = func(text string) { parts = append(parts, text) }
					}
					answer, err := Ask(t.Context(), place, q)
					fault := ""
					if err != nil {
						fault = err.Error()
					}
					if answer.Text != c.answer || fault != c.fault {
						t.Errorf("got %+v, %v", answer, err)
					}
					if streams && strings.Join(parts, "") != c.answer {
						t.Errorf("the parts are %q", parts)
					}
					if answer.ContextID == "" || (answer.TaskID == "") != (c.asked == "x") {
						t.Errorf("it is not said which conversation and task: %+v", answer)
					}
				})
			}
		}
	}
}

// A question ends when its context ends, and is not repeated.
func TestAskEnds(t *testing.T) {
	place := servers(t)["1.0"]
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, late)
	defer cancel()
	if _, err := Ask(ctx, place, Question{Text: "hang"}); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
}

// If a server refuses, the error says so and does not contain the request.
func TestAskRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer error="+r.Header.Get("X-Key"))
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	place := Agent{URL: server.URL, Client: outbound.NewClient(outbound.Policy{Loopback: true}), Headers: map[string]string{"X-Key": "hush-hush"}, Secrets: []string{"hush-hush"}}
	for _, said := range []func(string){nil, func(string) {}} {
		_, err := Ask(t.Context(), place, Question{Text: "x", Said: said})
		if err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "hush-hush") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("got %v", err)
		}
	}
}

func TestDescribe(t *testing.T) {
	card := `{"name":"Weather Agent","description":"knows","url":"http://x/","version":"1","protocolVersion":"0.3.0","capabilities":{"streaming":true,"extensions":[{"uri":"b"},{"uri":"a"}]},"skills":[{"id":"s","name":"S","description":"","tags":[]}]}`
	for _, path := range cardPaths {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/base"+path {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write([]byte(card))
		}))
		t.Cleanup(server.Close)
		got, err := Describe(t.Context(), Agent{URL: server.URL + "/base/", Client: outbound.NewClient(outbound.Policy{Loopback: true})})
		if err != nil || got.Name != "Weather Agent" || !got.Streaming || strings.Join(got.Extensions, "") != "ab" || !strings.Contains(string(got.Skills), `"s"`) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
		_, err = Describe(t.Context(), Agent{URL: server.URL, Client: outbound.NewClient(outbound.Policy{Loopback: true})})
		if err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

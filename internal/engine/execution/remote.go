package execution

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/a2a"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

const (
	// engineA2A is the engine name of agents that an A2AServer offers.
	engineA2A = "a2a"

	annotationA2AAddress   = "ark.mckinsey.com/a2a-server-address"
	annotationA2AServer    = "ark.mckinsey.com/a2a-server-name"
	annotationA2AStreaming = "ark.mckinsey.com/a2a-streaming-supported"
	annotationA2AContext   = "ark.mckinsey.com/a2a-context-id"

	// queryExtension is the message extension with which Ark identifies the Query of a message, and
	// queryKey is its metadata key.
	queryExtension = "https://github.com/mckinsey/agents-at-scale-ark/tree/main/ark/api/extensions/query/v1"
	queryKey       = queryExtension + "/ref"
)

// Exchange identifies a conversation with a remote agent.
type Exchange struct{ ContextID, TaskID string }

// remote is an agent that runs elsewhere: on an A2A server, or on an execution engine.
type remote struct {
	run    *Run
	object *v1alpha1.Agent
	// server is the A2AServer, and engine the ExecutionEngine: one of them is set.
	server *v1prealpha1.A2AServer
	engine *v1prealpha1.ExecutionEngine
	// inner is true if the Query's target is another agent or team, which has this agent as a member
	// or a tool.
	inner bool
}

// isRemote reports whether an agent runs elsewhere.
func isRemote(a *v1alpha1.Agent) bool {
	return a.Spec.ExecutionEngine != nil && a.Spec.ExecutionEngine.Name != ""
}

func (r *Run) newRemote(ctx context.Context, object *v1alpha1.Agent, depth int) (*remote, error) {
	out := &remote{run: r, object: object, inner: depth > 0}
	ref := object.Spec.ExecutionEngine
	if ref.Name != engineA2A {
		out.engine = &v1prealpha1.ExecutionEngine{}
		return out, r.get(ctx, "execution engine", "executionengines", firstOf(deref(ref.Namespace), object.Namespace), ref.Name, out.engine)
	}
	name := object.Annotations[annotationA2AServer]
	if name == "" || object.Annotations[annotationA2AAddress] == "" {
		return nil, fmt.Errorf("an agent of the engine a2a needs the annotations %s and %s", annotationA2AServer, annotationA2AAddress)
	}
	out.server = &v1prealpha1.A2AServer{}
	return out, r.get(ctx, "A2A server", "a2aservers", object.Namespace, name, out.server)
}

func (a *remote) name() string { return a.object.Name }

func (a *remote) description() string { return deref(a.object.Spec.Description) }

func (a *remote) kind() string { return "agent" }

// ask sends the question, and returns the reply.
func (a *remote) ask(ctx context.Context, history []provider.Message, input provider.Message) (_ turn, err error) {
	full := a.object.Namespace + "/" + a.object.Name
	operation, data := "ExecutionEngine", map[string]string{"agent": full}
	if a.server != nil {
		operation, data["a2aServer"], data["protocol"] = "A2AExecution", a.server.Namespace+"/"+a.server.Name, "a2a"
	}
	ended := a.run.operation(operation, data)
	defer func() { ended(err) }()
	done, used := "agent "+full, a.run.usage
	before, known, err := a.run.replay(done)
	if known {
		a.run.usage = a.run.usage.Add(before.Usage)
		return turn{messages: before.Said}, nil
	}
	var out turn
	if err == nil {
		out, err = a.exchange(ctx, history, input)
	}
	if err != nil {
		return out, fmt.Errorf("agent %s: %w", full, err)
	}
	a.run.note(a.run.journal.at, step{Key: done, Said: out.messages, Usage: a.run.usage.Sub(used)})
	return out, nil
}

func (a *remote) exchange(ctx context.Context, history []provider.Message, input provider.Message) (turn, error) {
	place, limit, err := a.place(ctx)
	if err != nil {
		return turn{}, err
	}
	// The side effects of a remote agent are unknown, so it is called only once.
	if a.run.BeforeEffect != nil {
		if err := a.run.BeforeEffect(ctx, a.object.Name); err != nil {
			return turn{}, err
		}
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
		defer cancel()
	}
	chunk := a.run.listen(a.object.Name, "")
	question := a.question(history, input)
	streams := chunk != nil && a.object.Annotations[annotationA2AStreaming] == "true"
	if streams {
		question.Said = func(text string) { chunk(provider.Said(a.object.Name, text, "")) }
	}
	answer, err := a2a.Ask(ctx, place, question)
	if !a.inner {
		a.run.exchange = Exchange{answer.ContextID, answer.TaskID}
	}
	if err != nil {
		return turn{}, err
	}
	switch {
	case streams:
		chunk(provider.Said(a.object.Name, "", "stop"))
	case chunk != nil:
		chunk(provider.Said(a.object.Name, answer.Text, "stop"))
	}
	said := provider.Message{Role: provider.Assistant, Content: answer.Text, Name: a.object.Name}
	return turn{messages: a.reply(answer, said)}, nil
}

// question returns the question for the agent. An agent of an A2AServer receives only the text, and
// an agent of an engine also the Query's name, with which the engine reads the rest. A member of a
// team receives the earlier messages with the text.
func (a *remote) question(history []provider.Message, input provider.Message) a2a.Question {
	query := a.run.Query
	if a.server != nil {
		return a2a.Question{Text: input.Content, ContextID: query.Annotations[annotationA2AContext]}
	}
	out := a2a.Question{Text: input.Content, ContextID: deref(query.Spec.ConversationID), Extensions: []string{queryExtension}}
	ref := map[string]any{"name": query.Name, "namespace": query.Namespace}
	if a.inner {
		base := firstOf(out.ContextID, query.Name)
		sum := sha256.Sum256([]byte(query.Namespace + "\x00" + base + "\x00" + a.object.Name))
		ref["target"] = map[string]any{"type": "agent", "name": a.object.Name}
		ref["conversationId"] = hex.EncodeToString(sum[:16])
		if said := transcript(history); said != "" {
			out.Text = said + "\n# user:\n" + input.Content
		}
	}
	out.Metadata = map[string]any{queryKey: ref}
	return out
}

// reply returns the messages of an answer with their token usage. An engine may send them in
// addition to its text.
func (a *remote) reply(answer a2a.Answer, said provider.Message) []provider.Message {
	text, err := json.Marshal(answer.Metadata[queryKey])
	if err != nil || a.engine == nil {
		return []provider.Message{said}
	}
	var more struct {
		Messages []provider.Message `json:"messages"`
		Usage    struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
			Total      int64 `json:"total_tokens"`
		} `json:"tokenUsage"`
	}
	if json.Unmarshal(text, &more) != nil {
		return []provider.Message{said}
	}
	a.run.usage = a.run.usage.Add(provider.Usage{Prompt: more.Usage.Prompt, Completion: more.Usage.Completion, Total: more.Usage.Total})
	if provider.LastText(more.Messages) != said.Content {
		return append(more.Messages, said)
	}
	return more.Messages
}

// place returns the agent's address, with the current values of its server or engine, and its
// timeout; 0 is no limit.
func (a *remote) place(ctx context.Context) (a2a.Agent, time.Duration, error) {
	if a.engine != nil {
		place, err := a.run.a2aAddress(ctx, a.engine.Namespace, a.engine.Spec.Address, nil)
		return place, 0, err
	}
	limit := time.Duration(0)
	if given, err := time.ParseDuration(deref(a.server.Spec.Timeout)); err == nil && given > 0 {
		limit = given
	}
	// The annotation has the address at which the agent was discovered. The headers are for the
	// server, so requests go to the server's own address.
	place, err := a.run.a2aAddress(ctx, a.server.Namespace, a.server.Spec.Address, a.server.Spec.Headers)
	return place, limit, err
}

func (r *Run) a2aAddress(ctx context.Context, namespace string, source *v1prealpha1.ValueSource, headers []v1alpha1.Header) (a2a.Agent, error) {
	address, err := objects.Values{From: r.Objects, Namespace: namespace}.Source(ctx, objects.Source(source))
	if err == nil && strings.TrimSpace(address.Text) == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return a2a.Agent{}, &AddressError{err}
	}
	out := a2a.Agent{URL: strings.TrimSpace(address.Text), Headers: map[string]string{}, Client: r.Tools}
	if address.Secret {
		out.Secrets = append(out.Secrets, out.URL)
	}
	values, err := r.headers(ctx, namespace, headers)
	if err != nil {
		return out, err
	}
	for name, value := range values {
		out.Headers[http.CanonicalHeaderKey(name)] = value.Text
		if value.Secret {
			out.Secrets = append(out.Secrets, value.Text)
		}
	}
	return out, nil
}

// DescribeA2A reads the card of an A2A server. The address is the one that was called. If there is
// an error it is also returned if it is known. secret is true if it must not be shown.
func DescribeA2A(ctx context.Context, s Services, from objects.Reader, object *v1prealpha1.A2AServer) (card a2a.Card, address string, secret bool, err error) {
	r := &Run{Services: s, Query: &v1alpha1.Query{}, Objects: from}
	place, err := r.a2aAddress(ctx, object.Namespace, object.Spec.Address, object.Spec.Headers)
	if err != nil {
		return a2a.Card{}, "", false, err
	}
	card, err = a2a.Describe(ctx, place)
	return card, place.URL, len(place.Secrets) > 0 && place.Secrets[0] == place.URL, err
}

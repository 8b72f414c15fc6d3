package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// maxDepth bounds the nesting of agents and teams, as members and as tools.
const maxDepth = 10

// Services are what executions use. They are shared and safe for concurrent use.
type Services struct {
	// Models and Tools make the HTTP requests to models and to tools.
	Models, Tools *http.Client
	// Gate waits until a model may be called, and returns the function to call afterwards; nil for no
	// bound.
	Gate func(ctx context.Context, model string) (release func(), err error)
	// Retry is the retry policy for calls of models.
	Retry provider.Retry
	// Called is called after each call of a model has ended; nil for none.
	Called func(firstToken time.Duration, prompt, completion int64, failed bool)
	// AWS finds AWS credentials for models that have none; nil for none.
	AWS *provider.AWSEnvironment
	// Azure has the Azure identities for models that are called with one; nil for none.
	Azure *provider.AzureEnvironment
	// Trace is called when a call of a model begins, with the provider's name for the model; nil for
	// none. The function that it returns is called at the end.
	Trace func(ctx context.Context, provider, model string) (context.Context, func(finish string, prompt, completion int64, err error))
	// Marker returns an unguessable string.
	Marker func() string
	// CheckModelURL returns what is wrong with the base URL of a model, or ""; nil for no rule.
	CheckModelURL func(url string) string
}

// Run is one execution of a query. Only one goroutine may call its methods.
type Run struct {
	Services
	Query *v1alpha1.Query
	// Objects reads objects with the identity that the query runs as.
	Objects objects.Reader
	// History is the conversation so far.
	History []provider.Message
	// Asked is what a client sent in addition to the query; nil for nothing.
	Asked *Asked
	// Emit records that an operation has begun or ended; nil for none.
	Emit func(operation, outcome string, data map[string]string)
	// Say receives the output of models as it arrives; nil for none.
	Say func(Chunk)
	// BeforeEffect is called before a tool whose calls must not be repeated; nil for none.
	BeforeEffect func(ctx context.Context, tool string) error

	usage   provider.Usage
	journal journal
	// team is the innermost team at work. silent counts the nested agents and teams that were called
	// as tools: their output is not streamed.
	team   string
	silent int
	// exchange identifies the conversation with a remote agent that is the target.
	exchange Exchange
	// servers are the MCP servers that have been used, by agent and server.
	servers map[string]*mcpServer
}

// Close releases the run's resources.
func (r *Run) Close() {
	for _, s := range r.servers {
		s.close()
	}
}

// Asked is what a client sent in addition to a query. It replaces the query's input.
type Asked struct {
	// Messages has at least one element. The last one is the question to the target, and the others
	// follow the history.
	Messages []provider.Message
	// Tools are the client's tools, which the client calls itself; only for a target that is a model.
	Tools []provider.Tool
	// Parameters are added to each call of a model.
	Parameters map[string]json.RawMessage
}

// Result is the outcome of an execution.
type Result struct {
	// Content is the answer, and Messages are all new messages that led to it.
	Content  string
	Messages []provider.Message
	Usage    provider.Usage
	// Input is the question as it was sent; "" if there was none.
	Input string
	// Schema is the verdict of the answering agent's output schema on the answer; nil if there is
	// none.
	Schema *SchemaVerdict
	// Exchange identifies the conversation, if the target is a remote agent.
	Exchange Exchange
}

// Target is the target of a query, ready to execute.
type Target struct {
	Type, Name string
	run        *Run
	ask        func(ctx context.Context, input provider.Message) (turn, error)
}

// turn is the output of an agent, a team or a tool.
type turn struct {
	messages []provider.Message
	// terminated is true if the tool terminate gave the answer, and last is that answer.
	terminated bool
	last       string
	// schema is the output schema of the agent that wrote the last message; nil for none.
	schema json.RawMessage
}

// content returns the answer of a turn.
func (t turn) content() string {
	if t.terminated && t.last != "" {
		return t.last
	}
	return provider.LastText(t.messages)
}

// NewTarget finds the query's target and builds it, so that missing objects are reported before
// anything runs. If there is an error, the target is also returned as far as it is known.
func (r *Run) NewTarget(ctx context.Context) (*Target, error) {
	kind, name, err := r.find(ctx)
	target := &Target{Type: kind, Name: name, run: r}
	if err != nil {
		return target, err
	}
	namespace := r.Query.Namespace
	switch kind {
	case "agent":
		agent, err := r.newAgent(ctx, namespace, name, 0)
		if err != nil {
			return target, err
		}
		target.ask = func(ctx context.Context, input provider.Message) (turn, error) {
			return agent.ask(ctx, r.History, input)
		}
	case "team":
		team, err := r.newTeam(ctx, namespace, name, 0)
		if err != nil {
			return target, err
		}
		target.ask = func(ctx context.Context, input provider.Message) (turn, error) {
			return team.ask(ctx, r.History, input)
		}
	case "model":
		model, err := r.newModel(ctx, namespace, name, nil)
		if err != nil {
			return target, err
		}
		target.ask = func(ctx context.Context, input provider.Message) (turn, error) { return r.askModel(ctx, model, input) }
	case "tool":
		tool, err := r.newTool(ctx, nil, namespace, v1alpha1.AgentTool{Name: &name}, 0)
		if err != nil {
			return target, err
		}
		target.ask = func(ctx context.Context, input provider.Message) (turn, error) { return r.askTool(ctx, tool, input) }
	default:
		return target, fmt.Errorf("unsupported target type '%s'", kind)
	}
	return target, nil
}

// find returns the target of the query: the named one, or the first that its selector matches.
func (r *Run) find(ctx context.Context) (kind, name string, err error) {
	if t := r.Query.Spec.Target; t != nil {
		return string(t.Type), t.Name, nil
	}
	if r.Query.Spec.Selector == nil {
		return "", "", errors.New("target or selector must be specified")
	}
	selector, err := selectorOf(r.Query.Spec.Selector)
	if err != nil {
		return "", "", fmt.Errorf("read the selector: %w", err)
	}
	for _, candidate := range []struct {
		kind, resource string
		list           runtime.Object
		first          func(runtime.Object) string
	}{
		{"agent", "agents", &v1alpha1.AgentList{}, func(l runtime.Object) string { return first(l.(*v1alpha1.AgentList).Items) }},
		{"team", "teams", &v1alpha1.TeamList{}, func(l runtime.Object) string { return first(l.(*v1alpha1.TeamList).Items) }},
		{"model", "models", &v1alpha1.ModelList{}, func(l runtime.Object) string { return first(l.(*v1alpha1.ModelList).Items) }},
		{"tool", "tools", &v1alpha1.ToolList{}, func(l runtime.Object) string { return first(l.(*v1alpha1.ToolList).Items) }},
	} {
		if err := r.Objects.List(ctx, candidate.resource, r.Query.Namespace, selector.String(), candidate.list); err != nil {
			return "", "", fmt.Errorf("list %s: %w", candidate.resource, err)
		}
		if name := candidate.first(candidate.list); name != "" {
			return candidate.kind, name, nil
		}
	}
	return "", "", fmt.Errorf("no agent, team, model or tool in namespace '%s' matches the selector", r.Query.Namespace)
}

type named interface{ GetName() string }

func first[T any, P interface {
	*T
	named
}](items []T) string {
	if len(items) == 0 {
		return ""
	}
	return P(&items[0]).GetName()
}

// Execute sends the query's question to the target. If there is an error, the result has the usage
// up to then.
func (t *Target) Execute(ctx context.Context) (Result, error) {
	input, err := t.run.input(ctx)
	if err != nil {
		return Result{}, err
	}
	question := provider.Message{Role: provider.User, Content: input}
	if asked := t.run.Asked; asked != nil && len(asked.Messages) > 0 {
		last := len(asked.Messages) - 1
		t.run.History = append(slices.Clone(t.run.History), asked.Messages[:last]...)
		question = asked.Messages[last]
	}
	answer, err := t.ask(ctx, question)
	result := Result{Content: answer.content(), Messages: answer.messages, Usage: t.run.usage, Input: input, Exchange: t.run.exchange}
	if err == nil {
		result.Schema = checkSchema(answer.schema, result.Content)
	}
	return result, err
}

// operation records that an operation begins, and returns the function that records its end.
func (r *Run) operation(name string, data map[string]string) func(error) {
	if r.Emit == nil {
		return func(error) {}
	}
	r.Emit(name, "Start", data)
	return func(err error) {
		outcome := "Complete"
		switch {
		case errors.Is(err, context.Canceled):
			outcome = "Canceled"
		case isPending(err):
			return // it has not ended
		case err != nil:
			outcome = "Error"
			with := map[string]string{"message": err.Error()}
			for k, v := range data {
				with[k] = v
			}
			data = with
		}
		r.Emit(name, outcome, data)
	}
}

// get reads an object; kind is used in the error.
func (r *Run) get(ctx context.Context, kind, resource, namespace, name string, into objects.Object) error {
	err := r.Objects.Get(ctx, resource, namespace, name, into)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s '%s' does not exist in namespace '%s'", kind, name, namespace)
	}
	if err != nil {
		return fmt.Errorf("read %s '%s' in namespace '%s': %w", kind, name, namespace, err)
	}
	return nil
}

func checkDepth(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("agents and teams are nested more than %d deep: look for one that is its own tool or member", maxDepth)
	}
	return nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

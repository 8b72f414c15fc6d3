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

// maxDepth bounds agents and teams within each other, as members and as tools.
const maxDepth = 10

// Services are what executions use. They are shared and safe for concurrent use.
type Services struct {
	// Models and Tools make the HTTP requests to these.
	Models, Tools *http.Client
	// Gate waits until a model may be called, and returns what to call afterwards; nil for no bound.
	Gate func(ctx context.Context, model string) (release func(), err error)
	// Retry is that of calls of models.
	Retry provider.Retry
	// Called is told of each call of a model that has ended; nil for nobody.
	Called func(firstToken time.Duration, prompt, completion int64, failed bool)
	// AWS finds the credentials of AWS for models that have none; nil for none.
	AWS *provider.AWSEnvironment
	// Azure has the identities of Azure for models that are called with one; nil for none.
	Azure *provider.AzureEnvironment
	// Trace is told of each call of a model that begins, with the provider's name for it; nil for
	// nobody. What it returns is called at the end.
	Trace func(ctx context.Context, provider, model string) (context.Context, func(finish string, prompt, completion int64, err error))
	// Marker returns a text that nobody can guess.
	Marker func() string
	// OpenURLs says that nobody has a rule for the addresses of models; nil for none. It returns what
	// is wrong with the base URL of a model, or "".
	CheckModelURL func(url string) string
}

// Run is one execution of a query. Its methods are called by one goroutine.
type Run struct {
	Services
	Query *v1alpha1.Query
	// Objects are read as whom the query runs as.
	Objects objects.Reader
	// History is the conversation so far.
	History []provider.Message
	// Asked is what a client has sent beside the query; nil for nothing.
	Asked *Asked
	// Emit notes that an operation has begun or ended; nil for nobody who wants to know.
	Emit func(operation, outcome string, data map[string]string)
	// Say takes what models say, as they say it; nil for nobody.
	Say func(Chunk)
	// BeforeEffect is called before a tool is called whose calls must not be repeated; nil for nothing
	// to do.
	BeforeEffect func(ctx context.Context, tool string) error

	usage   provider.Usage
	journal journal
	// team is the innermost that is at work, and silent counts agents and teams that are called as
	// tools: what they say is not for the readers.
	team   string
	silent int
	// exchange is that with an agent elsewhere that is the target.
	exchange Exchange
	// servers are the MCP servers that have been named, by agent and server.
	servers map[string]*mcpServer
}

// Close ends what the run holds.
func (r *Run) Close() {
	for _, s := range r.servers {
		s.close()
	}
}

// Asked is what a client has sent beside a query, whose input it takes the place of.
type Asked struct {
	// Messages are at least one. The last is what the target is asked, and the others follow the
	// history.
	Messages []provider.Message
	// Tools are those of the client, which calls them itself; for a model only.
	Tools []provider.Tool
	// Parameters are those of each call of a model.
	Parameters map[string]json.RawMessage
}

// Result is how an execution has ended.
type Result struct {
	// Content is the answer, and Messages are all new ones behind it.
	Content  string
	Messages []provider.Message
	Usage    provider.Usage
	// Input is the question as it was asked; "" if there was none.
	Input string
	// Schema is what the output schema of whoever has answered says to the answer; nil if there is
	// none.
	Schema *SchemaVerdict
	// Exchange identifies what was said, if the target is an agent elsewhere.
	Exchange Exchange
}

// Target is who answers, ready to be asked.
type Target struct {
	Type, Name string
	run        *Run
	ask        func(ctx context.Context, input provider.Message) (turn, error)
}

// turn is what an agent, a team or a tool has said.
type turn struct {
	messages []provider.Message
	// terminated says that the answer was given by the tool terminate, and last is it.
	terminated bool
	last       string
	// schema is the output schema of whoever has said the last; nil for none.
	schema json.RawMessage
}

// content returns the answer of a turn.
func (t turn) content() string {
	if t.terminated && t.last != "" {
		return t.last
	}
	return provider.LastText(t.messages)
}

// NewTarget finds the query's target and builds it, so that what is missing is found before
// anything runs. The target is returned with an error, too, as far as it is known.
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

// Execute asks the target the query's question. On an error the result has what was used until
// then.
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

// operation notes that something begins, and returns what notes its end.
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

// get reads an object; kind is for the error.
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

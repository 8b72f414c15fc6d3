package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// tool is a tool of an agent.
type tool struct {
	name        string // the name that the model sees
	description string
	schema      json.RawMessage
	kind        string // for events: builtin, custom, mcp, agent, team
	// outside is true if its results come from outside, and are passed to the model as data.
	outside bool
	// terminates is true if a call ends the agent.
	terminates bool
	approval   approval
	// once is true if a call must not be repeated after a restart.
	once bool

	runner    *Run
	partial   *partial
	functions []function
	execute   func(ctx context.Context, arguments arguments) (output, error)
	// lenient treats arguments that are not a JSON object as none.
	lenient bool
}

// output is the result of a call.
type output struct {
	text string
	// images are data URLs, which the model receives in addition to the text.
	images []string
	// failed is true if the tool reports an error. The model receives its text, which is the error
	// message.
	failed bool
}

// arguments are the arguments of one call.
type arguments struct {
	raw    string
	values map[string]any
}

const emptySchema = `{"type":"object","properties":{}}`

// newTool creates the tool that an agent in a namespace names.
//
// owner is the agent; nil for a tool that is the target itself.
func (r *Run) newTool(ctx context.Context, owner *v1alpha1.Agent, namespace string, spec v1alpha1.AgentTool, depth int) (*tool, error) {
	exposed := deref(spec.Name)
	name := exposed
	if spec.Partial != nil && deref(spec.Partial.Name) != "" {
		name = *spec.Partial.Name
		if exposed == "" {
			exposed = name
		}
	}
	object := &v1alpha1.Tool{}
	builtin := spec.Type == v1alpha1.AgentToolBuiltIn || spec.Type == v1alpha1.AgentToolBuiltInLegacy
	switch err := r.get(ctx, "tool", "tools", namespace, name, object); {
	case err == nil:
	case builtin && isBuiltin(name):
		object.Name, object.Namespace, object.Spec.Type = name, namespace, v1alpha1.ToolBuiltIn
	default:
		return nil, err
	}
	t := &tool{name: exposed, runner: r, schema: rawSchema(object.Spec.InputSchema)}
	if t.schema == nil {
		t.schema = json.RawMessage(emptySchema)
	}
	t.description = firstOf(deref(spec.Description), deref(object.Spec.Description), object.Annotations["description"])
	t.approval = newApproval(spec.Approval, object.Spec.Approval)
	if err := r.bind(ctx, t, owner, object, depth); err != nil {
		return nil, fmt.Errorf("tool '%s': %w", name, err)
	}
	if err := t.setPartial(spec.Partial); err != nil {
		return nil, fmt.Errorf("tool '%s': %w", name, err)
	}
	var err error
	if t.functions, err = r.functions(ctx, namespace, spec.Functions); err != nil {
		return nil, fmt.Errorf("tool '%s': %w", name, err)
	}
	return t, nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// bind sets the function that a call runs.
func (r *Run) bind(ctx context.Context, t *tool, owner *v1alpha1.Agent, object *v1alpha1.Tool, depth int) error {
	switch object.Spec.Type {
	case v1alpha1.ToolHTTP:
		return r.bindHTTP(t, object)
	case v1alpha1.ToolBuiltIn:
		return bindBuiltin(t, object.Name)
	case v1alpha1.ToolAgent:
		if object.Spec.Agent == nil {
			return fmt.Errorf("it names no agent")
		}
		r.bindAgent(t, object.Namespace, object.Spec.Agent.Name, depth)
		return nil
	case v1alpha1.ToolTeam:
		if object.Spec.Team == nil {
			return fmt.Errorf("it names no team")
		}
		r.bindTeam(t, object.Namespace, object.Spec.Team.Name, depth)
		return nil
	case v1alpha1.ToolMCP:
		return r.bindMCP(ctx, t, owner, object)
	case v1alpha1.ToolInline:
		return fmt.Errorf("the embedded engine does not run inline tools: they need Ark's activator")
	}
	return fmt.Errorf("unsupported tool type '%s'", object.Spec.Type)
}

// runOrRecall calls the tool, or returns its result from before the run was interrupted.
func (t *tool) runOrRecall(ctx context.Context, call provider.ToolCall) (output, error) {
	r, key := t.runner, stepOf(call)
	var before step
	var known bool
	var err error
	if t.kind == "agent" || t.kind == "team" {
		before, known = r.replayWhole(key)
	} else if before, known, err = r.replay(key); err != nil {
		return output{}, err
	}
	if known {
		r.usage = r.usage.Add(before.Usage)
		return output{text: before.Text, images: before.Images}, nil
	}
	from, used := r.journal.at, r.usage
	out, err := t.run(ctx, call)
	if err == nil {
		r.note(min(from, len(r.journal.steps)), step{Key: key, Text: out.text, Images: out.images, Usage: r.usage.Sub(used)})
	}
	return out, err
}

// run calls the tool.
func (t *tool) run(ctx context.Context, call provider.ToolCall) (_ output, err error) {
	ended := t.runner.operation("ToolCall", map[string]string{"toolName": t.name, "toolType": t.kind, "toolId": call.ID, "parameters": call.Arguments})
	defer func() { ended(err) }()
	args := arguments{raw: call.Arguments, values: map[string]any{}}
	if strings.TrimSpace(call.Arguments) != "" {
		if err := json.Unmarshal([]byte(call.Arguments), &args.values); err != nil && !t.lenient {
			return output{}, fmt.Errorf("the arguments are no JSON object: %w", err)
		}
	}
	if args.values == nil { // null
		args.values = map[string]any{}
	}
	if err := t.partial.fill(ctx, t.runner, &args); err != nil {
		return output{}, err
	}
	if t.once && t.runner.BeforeEffect != nil {
		if err := t.runner.BeforeEffect(ctx, t.name); err != nil {
			return output{}, err
		}
	}
	out, err := t.execute(ctx, args)
	if err != nil || out.failed {
		return out, err
	}
	for _, f := range t.functions {
		if out.text, err = f(ctx, out.text); err != nil {
			return output{}, err
		}
	}
	return out, nil
}

// askTool calls a tool that is the query's target: the input is parsed as its arguments.
func (r *Run) askTool(ctx context.Context, t *tool, input provider.Message) (turn, error) {
	call := provider.ToolCall{ID: "tool-call-" + t.name, Name: t.name, Arguments: input.Content}
	var object map[string]any
	if err := json.Unmarshal([]byte(input.Content), &object); err != nil || object == nil {
		text, err := json.Marshal(map[string]string{"input": input.Content})
		if err != nil {
			return turn{}, fmt.Errorf("encode the arguments: %w", err)
		}
		call.Arguments = string(text)
	}
	v, err := r.approve(t.name, []provider.ToolCall{call}, func(string) *tool { return t })
	if err != nil {
		return turn{}, fmt.Errorf("tool %s: %w", t.name, err)
	}
	if text := v.decision.refusal(); text != "" {
		return turn{}, fmt.Errorf("tool %s: %s", t.name, text)
	}
	out, err := t.run(ctx, call)
	if err == nil && out.failed {
		err = errors.New(firstOf(cut(out.text, maxToolError), "the tool reports an error"))
	}
	if err != nil {
		return turn{}, fmt.Errorf("tool %s: %w", t.name, err)
	}
	return turn{messages: []provider.Message{{Role: provider.Assistant, Content: out.text}}}, nil
}

// asker is an agent or a team that a tool calls.
type asker interface {
	ask(ctx context.Context, history []provider.Message, input provider.Message) (turn, error)
}

func (r *Run) bindAgent(t *tool, namespace, name string, depth int) {
	r.bindAsker(t, "agent", name, func(ctx context.Context) (asker, error) { return r.newAgent(ctx, namespace, name, depth+1) })
}

func (r *Run) bindTeam(t *tool, namespace, name string, depth int) {
	r.bindAsker(t, "team", name, func(ctx context.Context) (asker, error) { return r.newTeam(ctx, namespace, name, depth+1) })
}

// bindAsker creates a tool that calls an agent or a team. The agent or team is built when the tool
// is called, because it may have itself as a tool.
func (r *Run) bindAsker(t *tool, kind, name string, build func(context.Context) (asker, error)) {
	t.kind = kind
	if t.description == "" {
		t.description = "Ask the " + kind + " " + name
	}
	if slices.Equal(t.schema, []byte(emptySchema)) {
		t.schema = json.RawMessage(`{"type":"object","properties":{"input":{"type":"string","description":"The question or the task"}},"required":["input"]}`)
	}
	t.execute = func(ctx context.Context, args arguments) (output, error) {
		input, ok := args.values["input"].(string)
		if !ok {
			return output{}, fmt.Errorf("the argument 'input' is missing or no text")
		}
		who, err := build(ctx)
		if err != nil {
			return output{}, err
		}
		defer r.quietly()()
		answer, err := who.ask(ctx, nil, provider.Message{Role: provider.User, Content: input})
		if err != nil {
			return output{}, err
		}
		if text := answer.content(); text != "" {
			return output{text: text}, nil
		}
		return output{}, fmt.Errorf("the %s '%s' has not answered", kind, name)
	}
}

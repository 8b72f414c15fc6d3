package execution

import (
	"context"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// maxTurns bounds the turns of one agent, which by then is in a loop.
const maxTurns = 1000

// agent is an agent with its model and its tools.
type agent struct {
	run    *Run
	object *v1alpha1.Agent
	model  *model
	prompt string
	tools  []*tool
	// required makes the model call a tool.
	required bool
}

func (r *Run) newAgent(ctx context.Context, namespace, name string, depth int) (member, error) {
	a, err := r.findAgent(ctx, namespace, name, depth)
	if err != nil {
		return nil, fmt.Errorf("agent %s/%s: %w", namespace, name, err)
	}
	return a, nil
}

// findAgent builds an agent with its tools, local or remote.
func (r *Run) findAgent(ctx context.Context, namespace, name string, depth int) (member, error) {
	object, err := r.readAgent(ctx, namespace, name, depth)
	switch {
	case err != nil:
		return nil, err
	case isRemote(object):
		return r.newRemote(ctx, object, depth)
	}
	return r.buildAgent(ctx, object, depth, true)
}

func (r *Run) readAgent(ctx context.Context, namespace, name string, depth int) (*v1alpha1.Agent, error) {
	if err := checkDepth(depth); err != nil {
		return nil, err
	}
	object := &v1alpha1.Agent{}
	return object, r.get(ctx, "agent", "agents", namespace, name, object)
}

// buildAgent builds an agent that runs here, with or without tools.
func (r *Run) buildAgent(ctx context.Context, object *v1alpha1.Agent, depth int, withTools bool) (*agent, error) {
	namespace := object.Namespace
	if object.Spec.ModelRef == nil {
		return nil, fmt.Errorf("the agent has no model")
	}
	a := &agent{run: r, object: object}
	modelNamespace := namespace
	if ns := deref(object.Spec.ModelRef.Namespace); ns != "" {
		modelNamespace = ns
	}
	var err error
	if a.model, err = r.newModel(ctx, modelNamespace, object.Spec.ModelRef.Name, r.overridesOf(object)); err != nil {
		return nil, err
	}
	if a.prompt, err = r.prompt(ctx, object); err != nil {
		return nil, err
	}
	if !withTools {
		return a, nil
	}
	for _, spec := range object.Spec.Tools {
		t, err := r.newTool(ctx, object, namespace, spec, depth)
		if err != nil {
			return nil, err
		}
		// If two tools have the same name, the last one replaces the first, in its position.
		if i := slices.IndexFunc(a.tools, func(other *tool) bool { return other.name == t.name }); i >= 0 {
			a.tools[i] = t
			continue
		}
		a.tools = append(a.tools, t)
	}
	return a, nil
}

func (a *agent) name() string { return a.object.Name }

func (a *agent) description() string { return deref(a.object.Spec.Description) }

func (a *agent) kind() string { return "agent" }

// ask runs the agent's loop: it calls the model, and the tools that the model requests, until it
// requests none.
func (a *agent) ask(ctx context.Context, history []provider.Message, input provider.Message) (_ turn, err error) {
	full := a.object.Namespace + "/" + a.object.Name
	ended := a.run.operation("AgentExecution", map[string]string{"agent": full})
	defer func() { ended(err) }()
	t, err := a.loop(ctx, conversation(a.prompt, true, history, nil, input))
	if err != nil {
		return t, fmt.Errorf("agent %s: %w", full, err)
	}
	return t, nil
}

func (a *agent) loop(ctx context.Context, messages []provider.Message) (turn, error) {
	out := turn{schema: rawSchema(a.object.Spec.OutputSchema)}
	request := provider.Request{
		ToolsRequired: a.required, Schema: out.schema,
		SchemaName: schemaName(a.object.Namespace, a.object.Name),
	}
	for _, t := range a.tools {
		request.Tools = append(request.Tools, provider.Tool{Name: t.name, Description: t.description, Parameters: t.schema})
	}
	for range maxTurns {
		request.Messages = messages
		answer, err := a.model.complete(ctx, a.object.Name, request)
		if err != nil {
			return out, err
		}
		said := answer.Message
		said.Name = a.object.Name
		out.messages = append(out.messages, said)
		messages = append(messages, said)
		if len(said.ToolCalls) == 0 {
			return out, nil
		}
		verdict, err := a.run.approve(a.object.Name, said.ToolCalls, a.tool)
		if err != nil {
			return out, err
		}
		var pictures []provider.Message
		for _, call := range said.ToolCalls {
			result, err := a.decided(ctx, call, verdict.of(call))
			if err != nil {
				return out, err
			}
			out.messages = append(out.messages, provider.Message{Role: provider.ToolRole, ToolCallID: call.ID, Content: result.content})
			if result.terminates {
				out.terminated, out.last = true, result.content
				return out, nil
			}
			messages = append(messages, provider.Message{Role: provider.ToolRole, ToolCallID: call.ID, Content: result.forModel})
			if len(result.images) > 0 {
				pictures = append(pictures, provider.Message{Role: provider.User, Content: "Images that the tool " + call.Name + " returned:", Images: result.images})
			}
		}
		messages = append(messages, pictures...)
	}
	return out, fmt.Errorf("the agent has called its model %d times without an end", maxTurns)
}

// called is the result of a tool call.
type called struct {
	content    string // as it is stored
	forModel   string // as it is sent to the model
	images     []string
	terminates bool
}

// tool returns the tool with a name, or nil.
func (a *agent) tool(name string) *tool {
	if i := slices.IndexFunc(a.tools, func(t *tool) bool { return t.name == name }); i >= 0 {
		return a.tools[i]
	}
	return nil
}

// decided makes a call according to the decision. If an approved call fails, the agent continues:
// the model receives the error.
func (a *agent) decided(ctx context.Context, call provider.ToolCall, decision Decision) (called, error) {
	if text := decision.refusal(); text != "" {
		return called{content: text, forModel: text}, nil
	}
	from := a.run.journal.at
	result, err := a.call(ctx, call)
	if err == nil || decision != Approved || isPending(err) || ctx.Err() != nil {
		return result, err
	}
	text := "The call failed: " + cut(err.Error(), maxToolError)
	a.run.note(min(from, len(a.run.journal.steps)), step{Key: stepOf(call), Text: text})
	return called{content: text, forModel: text}, nil
}

// stepOf returns the journal key of a call.
func stepOf(call provider.ToolCall) string { return "tool " + call.Name + " " + call.ID }

func (a *agent) call(ctx context.Context, call provider.ToolCall) (called, error) {
	t := a.tool(call.Name)
	if t == nil {
		return called{}, fmt.Errorf("the model asks for the tool '%s', which the agent does not have", call.Name)
	}
	result, err := t.runOrRecall(ctx, call)
	if err != nil {
		return called{}, fmt.Errorf("tool %s: %w", t.name, err)
	}
	out := called{content: result.text, forModel: result.text, images: result.images, terminates: t.terminates}
	if t.outside {
		out.forModel = asData(t.name, result.text, a.run.Marker)
	}
	return out, nil
}

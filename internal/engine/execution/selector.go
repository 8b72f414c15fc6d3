package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/engine/provider"
	"github.com/mckinsey/ark-server/internal/engine/render"
)

const selectTool = "select-next-speaker"

// The prompts of the selector's agent, unless the team sets its own.
const (
	defaultSelectorPrompt = `You direct a conversation in which several roles take turns. These are the roles:
{{.Roles}}
Read the conversation below, then choose from {{.Participants}} the role that speaks next.

{{.History}}

Choose from {{.Participants}} the role that speaks next.`
	defaultTerminatePrompt = "If the latest message of the user has been answered well enough, call the tool terminate with the answer instead of choosing a role."
	selectorReminder       = "Name the role by calling the tool " + selectTool + " with its exact name. Do not answer with text."
	selectorRequest        = "Choose the next role now."
	selectorRequestOrEnd   = "Choose the next role now, or call terminate if the work is done."
)

// selector is the agent that chooses the next member.
type selector struct {
	agent     *agent
	prompt    string
	terminate bool
	ending    string
}

func (r *Run) newSelector(ctx context.Context, t *team, depth int) (*selector, error) {
	spec := t.object.Spec.Selector
	if spec == nil || deref(spec.Agent) == "" {
		return nil, errors.New("the strategy selector needs an agent that chooses: spec.selector.agent")
	}
	object, err := r.readAgent(ctx, t.object.Namespace, *spec.Agent, depth+1)
	if err == nil && isRemote(object) {
		err = fmt.Errorf("the embedded engine cannot let the execution engine '%s' choose the next member yet", object.Spec.ExecutionEngine.Name)
	}
	var a *agent
	if err == nil {
		a, err = r.buildAgent(ctx, object, depth+1, false)
	}
	if err != nil {
		return nil, fmt.Errorf("selector agent %s/%s: %w", t.object.Namespace, *spec.Agent, err)
	}
	return &selector{
		agent: a, prompt: firstOf(deref(spec.SelectorPrompt), defaultSelectorPrompt),
		terminate: spec.EnableTerminateTool != nil && *spec.EnableTerminateTool,
		ending:    firstOf(deref(spec.TerminatePrompt), defaultTerminatePrompt),
	}, nil
}

// selected implements the selector strategy.
func (w *work) selected(ctx context.Context) error {
	var previous member
	for {
		candidates, asks := w.candidates(previous)
		if len(candidates) == 0 {
			return nil
		}
		next := candidates[0]
		if asks {
			var err error
			if next, err = w.choose(ctx, candidates); next == nil || err != nil {
				return err
			}
		}
		// Members receive the question at the position where the selector has it, and again as their last
		// message.
		ended, err := w.let(ctx, next, append(w.history[:len(w.history):len(w.history)], w.input))
		if ended || err != nil {
			return err
		}
		if w.atLimit() {
			return nil
		}
		if w.turns > maxTeamTurns {
			return fmt.Errorf("the members have taken %d turns without an end", w.turns)
		}
		previous = next
	}
}

// candidates returns the possible next members, and whether the selector has to choose.
func (w *work) candidates(previous member) (_ []member, asks bool) {
	edges := w.team.edges()
	if previous == nil || len(edges) == 0 {
		return w.team.members, true
	}
	var out []member
	for _, e := range edges {
		if deref(e.From) == previous.name() {
			out = append(out, w.team.member(deref(e.To)))
		}
	}
	return out, len(out) > 1
}

// choose calls the selector. It returns no member if that ends the team's work.
func (w *work) choose(ctx context.Context, candidates []member) (member, error) {
	s := w.team.selector
	names := make([]string, len(candidates))
	roles := make([]string, len(candidates))
	for i, m := range candidates {
		names[i], roles[i] = m.name(), m.name()
		if m.description() != "" {
			roles[i] += ": " + m.description()
		}
	}
	said := append(w.history[:len(w.history):len(w.history)], w.input)
	prompt, err := render.Text("selectorPrompt", s.prompt, map[string]string{
		"Roles": strings.Join(roles, ", "), "Participants": strings.Join(names, ", "), "History": transcript(append(said, w.out.messages...)),
	})
	if err != nil {
		return nil, fmt.Errorf("render the selector's prompt: %w", err)
	}
	prompt += "\n\n" + selectorReminder
	request, tools := selectorRequest, []provider.Tool{speakers(names)}
	if s.terminate {
		prompt += "\n\n" + s.ending
		request = selectorRequestOrEnd
		tools = append(tools, provider.Tool{Name: terminate, Description: "End the conversation with a final answer", Parameters: json.RawMessage(terminateSchema)})
	}
	loudly := w.team.run.quietly()
	answer, err := s.agent.model.complete(ctx, s.agent.object.Name, provider.Request{
		Tools: tools, ToolsRequired: true,
		Messages: []provider.Message{
			{Role: provider.System, Content: s.agent.prompt}, {Role: provider.System, Content: prompt}, {Role: provider.User, Content: request},
		},
	})
	loudly()
	if err != nil {
		return nil, fmt.Errorf("selector agent %s/%s: %w", s.agent.object.Namespace, s.agent.object.Name, err)
	}
	return w.chosen(answer.Message, candidates)
}

// chosen parses the selector's answer.
func (w *work) chosen(said provider.Message, candidates []member) (member, error) {
	for _, call := range said.ToolCalls {
		var args struct {
			Name     string  `json:"name"`
			Response *string `json:"response"`
		}
		if err := json.Unmarshal([]byte(call.Arguments), &args); err != nil && call.Name != terminate {
			w.complain("The selector's choice cannot be read: " + cut(call.Arguments, maxToolError))
			return nil, nil
		}
		switch call.Name {
		case terminate:
			if args.Response != nil && *args.Response != "" {
				said.Name = w.team.selector.agent.object.Name
				w.out.messages = append(w.out.messages, said, provider.Message{Role: provider.ToolRole, ToolCallID: call.ID, Content: *args.Response})
				w.out.terminated, w.out.last, w.out.schema = true, *args.Response, nil
				w.team.run.sayLast(*args.Response)
			}
			return nil, nil
		case selectTool:
			if i := slices.IndexFunc(candidates, func(m member) bool { return m.name() == args.Name }); i >= 0 {
				return candidates[i], nil
			}
			w.complain(fmt.Sprintf("The selector chose '%s', which is not among the candidates", cut(args.Name, maxToolError)))
			return nil, nil
		}
	}
	w.complain("The selector did not call the tool " + selectTool)
	return nil, nil
}

// complain adds a message that explains why a choice is invalid, and streams it to the readers.
func (w *work) complain(text string) {
	w.say(text)
	w.team.run.saySystem(text)
}

func speakers(names []string) provider.Tool {
	schema, err := json.Marshal(map[string]any{
		"type":       "object",
		"properties": map[string]any{"name": map[string]any{"type": "string", "enum": names, "description": "The role that speaks next"}},
		"required":   []string{"name"},
	})
	if err != nil {
		schema = []byte(emptySchema) // never fails: names are strings
	}
	return provider.Tool{Name: selectTool, Description: "Choose the role that speaks next", Parameters: schema}
}

// transcript returns a conversation in the form that a selector receives: without system and tool
// messages.
func transcript(messages []provider.Message) string {
	var blocks []string
	for _, m := range messages {
		if m.Role != provider.User && m.Role != provider.Assistant {
			continue
		}
		blocks = append(blocks, "# "+firstOf(m.Name, string(m.Role))+":\n"+m.Content)
	}
	return strings.Join(blocks, "\n")
}

package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/render"
)

// input returns the question: the query's input, which is a template only if the query has
// parameters.
func (r *Run) input(ctx context.Context) (string, error) {
	var text string
	if err := json.Unmarshal([]byte(r.Query.Spec.Input.RawJSON()), &text); err != nil {
		return "", errors.New("the query's input is not a text")
	}
	if len(r.Query.Spec.Parameters) == 0 {
		return text, nil
	}
	values, err := r.parameters(ctx, objects.Values{From: r.Objects, Namespace: r.Query.Namespace}, r.Query.Spec.Parameters)
	if err != nil {
		return "", fmt.Errorf("resolve the query's parameters: %w", err)
	}
	text, err = render.Text("input", text, values)
	if err != nil {
		return "", fmt.Errorf("render the query's input: %w", err)
	}
	return text, nil
}

// parameters returns the values of parameters by name.
func (r *Run) parameters(ctx context.Context, values objects.Values, parameters []v1alpha1.Parameter) (map[string]string, error) {
	out := make(map[string]string, len(parameters))
	for _, p := range parameters {
		if from := p.ValueFrom; deref(p.Value) == "" && from != nil && from.ServiceRef != nil {
			return nil, fmt.Errorf("parameter '%s': serviceRef is not supported", p.Name)
		}
		value, err := values.Of(ctx, p.Value, p.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("parameter '%s': %w", p.Name, err)
		}
		out[p.Name] = value.Text
	}
	return out, nil
}

// queryParameter returns the value of a parameter of the query, which must not be empty. If direct
// is set, only values that are written in the query are used.
func (r *Run) queryParameter(direct bool) func(context.Context, string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		for _, p := range r.Query.Spec.Parameters {
			if p.Name != name {
				continue
			}
			if direct {
				if deref(p.Value) == "" {
					return "", fmt.Errorf("query parameter '%s' has no direct value", name)
				}
				return *p.Value, nil
			}
			value, err := objects.Values{From: r.Objects, Namespace: r.Query.Namespace}.Of(ctx, p.Value, p.ValueFrom)
			if err != nil {
				return "", fmt.Errorf("query parameter '%s': %w", name, err)
			}
			if value.Text == "" {
				return "", fmt.Errorf("query parameter '%s' of query '%s' is empty", name, r.Query.Name)
			}
			return value.Text, nil
		}
		return "", fmt.Errorf("query '%s' has no parameter '%s'", r.Query.Name, name)
	}
}

// prompt returns an agent's prompt, which is a template only if the agent has parameters.
func (r *Run) prompt(ctx context.Context, agent *v1alpha1.Agent) (string, error) {
	text := deref(agent.Spec.Prompt)
	if len(agent.Spec.Parameters) == 0 {
		return text, nil
	}
	values, err := r.parameters(ctx, objects.Values{From: r.Objects, Namespace: agent.Namespace, Parameter: r.queryParameter(false)}, agent.Spec.Parameters)
	if err != nil {
		return "", fmt.Errorf("resolve the agent's parameters: %w", err)
	}
	text, err = render.Text("prompt", text, values)
	if err != nil {
		return "", fmt.Errorf("render the agent's prompt: %w", err)
	}
	return text, nil
}

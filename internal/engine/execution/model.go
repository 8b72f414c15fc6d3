package execution

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// model calls a Model. Its configuration is resolved for each call.
type model struct {
	run       *Run
	object    *v1alpha1.Model
	overrides []override
}

func (r *Run) newModel(ctx context.Context, namespace, name string, overrides []override) (*model, error) {
	m := &model{run: r, object: &v1alpha1.Model{}, overrides: overrides}
	if err := r.get(ctx, "model", "models", namespace, name, m.object); err != nil {
		return nil, err
	}
	return m, nil
}

// complete calls the model and counts its tokens.
func (m *model) complete(ctx context.Context, agent string, request provider.Request) (_ provider.Response, err error) {
	key := m.object.Namespace + "/" + m.object.Name
	done := "model " + key + " " + agent
	switch before, known, err := m.run.replay(done); {
	case err != nil:
		return provider.Response{}, err
	case known && len(before.Said) == 1:
		m.run.usage = m.run.usage.Add(before.Usage)
		return provider.Response{Message: before.Said[0], Usage: before.Usage}, nil
	}
	ended := m.run.operation("LLMCall", map[string]string{"model": key, "modelType": string(m.object.Spec.Provider)})
	defer func() { ended(err) }()
	if m.run.Gate != nil {
		release, err := m.run.Gate(ctx, key)
		if err != nil {
			return provider.Response{}, err
		}
		defer release()
	}
	client, err := m.run.client(ctx, m.object)
	if err != nil {
		return provider.Response{}, fmt.Errorf("model %s: %w", key, err)
	}
	headers, err := m.run.overriding(ctx, m.overrides, v1alpha1.OverrideModel, m.object.Labels)
	if err != nil {
		return provider.Response{}, fmt.Errorf("model %s: %w", key, err)
	}
	if m.run.Asked != nil {
		request.Parameters = m.run.Asked.Parameters
	}
	request.Headers = map[string]string{}
	for name, value := range headers {
		request.Headers[name] = value.Text
	}
	request.Chunk = m.run.listen(agent, client.ID())
	answer, err := m.traced(ctx, client, request)
	if m.run.Called != nil {
		m.run.Called(answer.FirstToken, answer.Usage.Prompt, answer.Usage.Completion, err != nil)
	}
	if err != nil {
		return provider.Response{}, fmt.Errorf("model %s: %w", key, err)
	}
	m.run.usage = m.run.usage.Add(answer.Usage)
	m.run.note(m.run.journal.at, step{Key: done, Said: []provider.Message{answer.Message}, Usage: answer.Usage})
	return answer, nil
}

// traced calls the model within a span.
func (m *model) traced(ctx context.Context, client provider.Model, request provider.Request) (provider.Response, error) {
	if m.run.Trace == nil {
		return client.Complete(ctx, request)
	}
	ctx, end := m.run.Trace(ctx, string(m.object.Spec.Provider), client.ID())
	answer, err := client.Complete(ctx, request)
	end(answer.FinishReason, answer.Usage.Prompt, answer.Usage.Completion, err)
	return answer, err
}

// askModel calls a model that is the query's target: without a prompt or a schema, and with no
// tools except those of the client, which calls them itself.
func (r *Run) askModel(ctx context.Context, m *model, input provider.Message) (turn, error) {
	request := provider.Request{Messages: conversation("", false, r.History, nil, input)}
	if r.Asked != nil {
		request.Tools = r.Asked.Tools
	}
	answer, err := m.complete(ctx, "", request)
	if err != nil {
		return turn{}, err
	}
	return turn{messages: []provider.Message{answer.Message}}, nil
}

// schemaName returns the name of an agent's output schema, of at most 64 characters.
func schemaName(namespace, agent string) string {
	name := "namespace-" + namespace + "-agent-" + agent
	return name[:min(len(name), 64)]
}

func rawSchema(schema *v1alpha1.JSONObject) json.RawMessage {
	if schema == nil || schema.RawJSON() == "null" {
		return nil
	}
	return json.RawMessage(schema.RawJSON())
}

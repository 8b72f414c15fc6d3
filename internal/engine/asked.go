package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// annotationRequest identifies the data of an OpenAI API request that the Query does not contain.
const annotationRequest = "ark.mckinsey.com/chat-request"

// Requests stores what clients sent in addition to their Queries.
type Requests interface {
	// Request returns the messages in OpenAI's form with the question last, the client's own tools,
	// and parameters for calls of the model.
	Request(ctx context.Context, namespace, query, id string) (messages, tools []json.RawMessage, parameters map[string]json.RawMessage, err error)
}

// asked returns what the client of a Query sent in addition to it; nil for nothing.
func (e *Engine) asked(ctx context.Context, q *v1alpha1.Query) (*execution.Asked, error) {
	id := q.Annotations[annotationRequest]
	if id == "" || e.options.Requests == nil {
		return nil, nil
	}
	messages, tools, parameters, err := e.options.Requests.Request(ctx, q.Namespace, q.Name, id)
	if err != nil {
		return nil, fmt.Errorf("read the request of the query's client: %w", err)
	}
	out := &execution.Asked{Messages: make([]provider.Message, len(messages)), Parameters: parameters}
	for i, raw := range messages {
		if err := json.Unmarshal(raw, &out.Messages[i]); err != nil {
			return nil, fmt.Errorf("read message %d of the query's client: %w", i+1, err)
		}
	}
	for i, raw := range tools {
		var tool struct {
			Function provider.Tool `json:"function"`
		}
		if err := json.Unmarshal(raw, &tool); err != nil {
			return nil, fmt.Errorf("read tool %d of the query's client: %w", i+1, err)
		}
		out.Tools = append(out.Tools, tool.Function)
	}
	return out, nil
}

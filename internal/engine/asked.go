package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// annotationRequest names what a client of OpenAI's API has sent and the Query does not hold.
const annotationRequest = "ark.mckinsey.com/chat-request"

// Requests keeps what clients have sent beside their Queries.
type Requests interface {
	// Request returns the messages, in OpenAI's form and with the question at the end, the client's
	// own tools, and parameters of calls of the model.
	Request(ctx context.Context, namespace, query, id string) (messages, tools []json.RawMessage, parameters map[string]json.RawMessage, err error)
}

// asked returns what the client of a Query has sent beside it; nil for nothing.
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

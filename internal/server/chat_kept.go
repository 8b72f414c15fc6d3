package server

import (
	"context"
	"encoding/json"

	"github.com/mckinsey/ark-server/internal/chat"
	"github.com/mckinsey/ark-server/internal/conversation"
	"github.com/mckinsey/ark-server/internal/engine"
)

// keptRequests adapts the store of requests to chat.Requests and engine.Requests.
type keptRequests struct{ store *conversation.Requests }

// Keep implements chat.Requests.
func (k keptRequests) Keep(ctx context.Context, namespace, query string, r chat.Kept) (string, error) {
	return k.store.Keep(ctx, namespace, query, conversation.Request(r))
}

// Forget implements chat.Requests.
func (k keptRequests) Forget(ctx context.Context, namespace, query string) error {
	return k.store.Forget(ctx, namespace, query)
}

// Request implements engine.Requests.
func (k keptRequests) Request(ctx context.Context, namespace, query, id string) (messages, tools []json.RawMessage, parameters map[string]json.RawMessage, err error) {
	r, err := k.store.Get(ctx, namespace, query, id)
	if err != nil {
		return nil, nil, nil, err
	}
	return r.Messages, r.Tools, r.Parameters, nil
}

// engineRequests returns the store for the engine.
func (t *talk) engineRequests() engine.Requests {
	if t.requests == nil {
		return nil
	}
	return keptRequests{t.requests}
}

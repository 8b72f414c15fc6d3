package chat

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// check refuses parameters that the target or the engine does not support.
func (x *exchange) check() *Fault {
	if len(x.asked.tools) > 0 && x.to.kind != v1alpha1.QueryTargetModel {
		return invalid("tools", codeUnsupported, "tools of the client are for model/NAME: %s calls its own", x.to.id())
	}
	if _, ok := x.asked.carried["response_format"]; ok && x.to.kind != v1alpha1.QueryTargetModel {
		return invalid("response_format", codeUnsupported, "response_format is for model/NAME: an agent has its outputSchema")
	}
	needed := x.asked.needed()
	if x.to.kind == v1alpha1.QueryTargetTool {
		if len(x.asked.messages) > 1 {
			return invalid("messages", codeUnsupported, "a tool takes one message: its arguments as JSON, or a text")
		}
		if len(needed) > 0 {
			return invalid(needed[0], codeUnsupported, "%s is for models: a tool does not have it", needed[0])
		}
	}
	if x.server.options.Requests != nil {
		return nil
	}
	if len(needed) > 0 {
		return invalid(needed[0], codeUnsupported, "%s cannot be passed on to the engine that answers here: leave it out, or use a server with --engine=embedded", needed[0])
	}
	last := x.asked.messages[len(x.asked.messages)-1]
	for _, m := range x.asked.messages {
		if m.role != "user" && m.role != "assistant" || m.images > 0 || m.calls || last.role != "user" {
			return invalid("messages", codeUnsupported, "messages of the role %s, images, and messages after the user's last one cannot be passed on to the engine that answers here: leave them out, or use a server with --engine=embedded", m.role)
		}
	}
	if !x.asked.plain() && x.server.options.Conversations == nil {
		return invalid("messages", codeUnsupported, "earlier messages cannot be passed on to the engine that answers here, because it does not reach this server's conversations: start the server with --broker-listen, or with --engine=embedded")
	}
	return nil
}

// make creates the Query, or finds the one that an earlier request with the same key has created.
func (x *exchange) make(key string) *Fault {
	ctx := x.r.Context()
	if err := x.keep(ctx); err != nil {
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	hash := x.query.Annotations[annotationHash]
	made := &v1alpha1.Query{}
	err := x.who.call(ctx, http.MethodPost, resourcePath(x.query.Namespace, "queries", ""), x.query, made)
	if err == nil {
		x.query = made
		x.server.offer(ctx, made)
		return nil
	}
	fault := faultOf(err)
	if fault.Status != http.StatusConflict || key == "" {
		x.forget(ctx)
		return fault
	}
	if err := x.server.options.System.Get(ctx, "queries", x.query.Namespace, x.query.Name, made); err != nil {
		return faultOf(err)
	}
	if made.Annotations[annotationHash] != hash {
		return &Fault{Status: http.StatusUnprocessableEntity, Type: typeInvalid, Code: text(codeReused), Message: "the " + headerKey + " belongs to another request: use one key for each request"}
	}
	x.query, x.again = made, true
	return nil
}

// offer passes a new Query to the engine, if it runs in this process.
func (s *Server) offer(ctx context.Context, q *v1alpha1.Query) {
	if s.options.Offer != nil {
		s.options.Offer(ctx, q)
	}
}

// fullWait is the Retry-After in seconds when the memory limit is reached.
const fullWait = 10

// full refuses requests that create a Query while the server's memory limit is reached, as the API
// does for Queries that clients create directly.
func (s *Server) full() *Fault {
	if s.options.Full == nil || !s.options.Full() {
		return nil
	}
	return &Fault{
		Status: http.StatusTooManyRequests, Type: typeLimit, Code: text(codeFull), RetryAfter: fullWait,
		Message: "the server has hardly any memory left, so it takes no new queries now: try again later, delete objects or give it more memory (docs/operations/sizing.md)",
	}
}

// keep stores the part of the request that the Query cannot contain.
func (x *exchange) keep(ctx context.Context) error {
	o, q := x.server.options, x.query
	switch {
	case o.Requests != nil && (!x.asked.plain() || len(x.asked.carried) > 0 || len(x.asked.tools) > 0):
		kept := Kept{Tools: x.asked.tools, Parameters: x.asked.carried}
		for _, m := range x.asked.messages {
			kept.Messages = append(kept.Messages, m.encoded)
		}
		id, err := o.Requests.Keep(ctx, q.Namespace, q.Name, kept)
		if err != nil {
			return err
		}
		q.Annotations[AnnotationRequest] = id
	case o.Requests == nil && !x.asked.plain():
		var earlier [][]byte
		for _, m := range x.asked.messages[:len(x.asked.messages)-1] {
			earlier = append(earlier, m.encoded)
		}
		id, memory, err := o.Conversations.Begin(ctx, q.Namespace, q.Name, earlier)
		if err != nil {
			return err
		}
		q.Spec.ConversationID, q.Spec.Memory = &id, &v1alpha1.ResourceReference{Name: memory}
	}
	return nil
}

// forget deletes what was stored for a Query that has ended, or that was not created.
func (x *exchange) forget(ctx context.Context) {
	if x.query.Annotations[AnnotationRequest] != "" {
		// If this fails, the entry is deleted when it expires.
		_ = x.server.options.Requests.Forget(context.WithoutCancel(ctx), x.query.Namespace, x.query.Name)
	}
}

// Kept is the part of a request that is stored separately from its Query.
type Kept struct {
	// Messages are all messages of the request, including the question.
	Messages   []json.RawMessage          `json:"messages"`
	Tools      []json.RawMessage          `json:"tools,omitempty"`
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
}

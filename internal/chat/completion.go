package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// exchange is a request and what has been sent of its answer.
type exchange struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	asked   *request
	to      target
	found   string // the kind of the target, once it is known to exist
	query   *v1alpha1.Query
	answer  answer
	created int64
	// again says that the Query was made by an earlier request with the same key.
	again bool
	// events is nil until a stream has begun.
	events *sse.Writer
	began  time.Time
	// first is when the first part of the answer was sent, and parts is how many were.
	first  time.Time
	parts  int
	failed *Fault
	gone   bool // the client has left
}

// complete answers a request for a completion. A fault is returned as long as nothing has been sent.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, who asker) (fault *Fault) {
	x := &exchange{server: s, w: w, r: r, began: time.Now(), created: time.Now().Unix()}
	defer func() { s.options.Observer.Ended(x.found, outcome(cmp.Or(fault, x.failed), x.gone)) }()
	body, fault := readBody(r, s.options.MaxBody)
	if fault != nil {
		return fault
	}
	if x.asked, fault = parseRequest(body); fault != nil {
		return fault
	}
	input, fault := x.asked.input()
	if fault != nil {
		return fault
	}
	var object *v1Object
	if x.to, object, fault = s.find(r, who, x.asked.model); fault != nil {
		return fault
	}
	x.found = string(x.to.kind)
	defer x.open()()
	if fault = x.check(); fault != nil {
		return fault
	}
	x.answer = answer{
		all: x.wantsAll(), tools: len(x.asked.tools) > 0,
		team: x.to.kind == v1alpha1.QueryTargetTeam,
	}
	if x.answer.team {
		x.answer.speaker = object.speaker()
	}
	if x.query, fault = newQuery(x.asked, x.to, input); fault != nil {
		return fault
	}
	key := r.Header.Get(headerKey)
	if key != "" {
		idempotent(x.query, who.user.GetName(), key, body)
	}
	if fault = x.make(who, key); fault != nil {
		return fault
	}
	w.Header().Set("X-Should-Retry", "false") // it would make a second Query
	w.Header().Set(headerQuery, x.query.Namespace+"/"+x.query.Name)
	return x.follow()
}

// readBody reads a request, which is to be JSON of at most so many bytes.
func readBody(r *http.Request, most int64) ([]byte, *Fault) {
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	switch {
	case int64(len(body)) > most:
		return nil, &Fault{Status: http.StatusRequestEntityTooLarge, Type: typeInvalid, Code: text("request_too_large"), Message: "the request is too large: --max-object-size says how large it may be"}
	case err != nil:
		return nil, invalid("", "incomplete_body", "the body has not come to its end")
	}
	return body, nil
}

// wantsAll reports whether the client wants the text of everybody who speaks.
func (x *exchange) wantsAll() bool {
	return x.r.URL.Query().Get("ark_stream") == "all" || x.asked.metadata[metadataStream] == "all"
}

// check refuses what the target or the engine cannot do.
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

// make makes the Query, or finds the one that an earlier request with the same key has made.
func (x *exchange) make(who asker, key string) *Fault {
	ctx := x.r.Context()
	if err := x.keep(ctx); err != nil {
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	hash := x.query.Annotations[annotationHash]
	made := &v1alpha1.Query{}
	err := who.call(ctx, http.MethodPost, resourcePath(x.query.Namespace, "queries", ""), x.query, made)
	if err == nil {
		x.query = made
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

// keep stores what the Query cannot hold.
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

// forget deletes what was kept for a Query that has ended, or that was not made.
func (x *exchange) forget(ctx context.Context) {
	if x.query.Annotations[AnnotationRequest] != "" {
		// What is left goes with its age.
		_ = x.server.options.Requests.Forget(context.WithoutCancel(ctx), x.query.Namespace, x.query.Name)
	}
}

// Kept is what is stored of a request beside its Query.
type Kept struct {
	// Messages are all of the request's, the question too.
	Messages   []json.RawMessage          `json:"messages"`
	Tools      []json.RawMessage          `json:"tools,omitempty"`
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
}

type result struct {
	query *v1alpha1.Query
	err   error
}

// follow sends the answer as it comes, until the Query has ended.
func (x *exchange) follow() *Fault {
	from, err := x.server.options.Broker.Read(stream.Key{Namespace: x.query.Namespace, Query: x.query.Name}, string(x.query.UID), true)
	if err != nil {
		x.server.cancel(x.r.Context(), x.query)
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	defer from.Close()
	ctx, stop := context.WithCancel(x.r.Context())
	ended := make(chan result, 1)
	go func() {
		q, err := ask.Wait(ctx, x.server.options.System, x.query)
		ended <- result{q, err}
		close(ended)
	}()
	defer func() {
		stop()
		for range ended { // it has ended when the channel has
		}
	}()
	alive := time.NewTicker(sse.KeepAlive)
	defer alive.Stop()
	over := false // the stream, not the Query
	for {
		var changed <-chan struct{}
		if !over {
			var fault *Fault
			if changed, over, fault = x.pass(from); fault != nil {
				return x.fail(fault)
			}
		}
		select {
		case <-changed:
		case <-x.server.closing:
			return x.fail(stopped())
		case <-alive.C:
			if x.asked.stream && x.begin() == nil {
				_ = x.events.Ping() // a client that has gone shows below
			}
		case out := <-ended:
			if out.err == nil && !over {
				if _, _, fault := x.pass(from); fault != nil {
					return x.fail(fault)
				}
			}
			return x.end(out)
		}
	}
}

func stopped() *Fault {
	f := serverFault(http.StatusServiceUnavailable, codeStopping, stream.ErrClosed.Error())
	f.RetryAfter = 1
	return f
}

// pass sends what is new of the stream. over says that nothing follows.
func (x *exchange) pass(from *stream.Reader) (changed <-chan struct{}, over bool, fault *Fault) {
	chunks, end, changed := from.Take()
	for _, c := range chunks {
		if p, ok := x.answer.take(c); ok && x.asked.stream {
			_ = x.send(p) // a client that has gone ends the context
		}
	}
	switch {
	case end == nil:
		return changed, false, nil
	case errors.Is(end.Err, stream.ErrClosed):
		return nil, true, stopped()
	case errors.Is(end.Err, stream.ErrOverrun):
		return nil, true, serverFault(http.StatusInternalServerError, "stream_overrun", end.Err.Error())
	}
	return nil, true, nil // the Query says how it ends
}

// end sends the end of the answer.
func (x *exchange) end(out result) *Fault {
	if x.r.Context().Err() != nil {
		x.left()
		return nil
	}
	if out.err != nil {
		if apierrors.IsNotFound(errors.Unwrap(out.err)) {
			return x.fail(serverFault(http.StatusInternalServerError, "query_deleted", "the query was deleted before it had ended"))
		}
		if x.server.stopping() {
			return x.fail(stopped())
		}
		return x.fail(serverFault(http.StatusInternalServerError, "internal_error", out.err.Error()))
	}
	x.query = out.query
	x.forget(x.r.Context())
	switch *x.query.Status.Phase {
	case v1alpha1.QueryDone:
		x.count()
	case v1alpha1.QueryCanceled:
		return x.fail(&Fault{Status: http.StatusConflict, Type: typeServer, Code: text(codeCanceled), Message: "the query " + x.query.Name + " was canceled"})
	default:
		return x.fail(serverFault(http.StatusInternalServerError, codeFailed, failure(x.query)))
	}
	if !x.asked.stream {
		x.whole()
		return nil
	}
	_ = x.last() // a client that has gone does not matter any more
	return nil
}

// failure is the reason why a Query has failed.
func failure(q *v1alpha1.Query) string {
	if content := contentOf(q); content != "" {
		return content
	}
	for _, c := range q.Status.Conditions {
		if c.Type == "Completed" && c.Message != nil && *c.Message != "" {
			return *c.Message
		}
	}
	return "the query " + q.Name + " has failed"
}

// left carries out what is to become of the Query of a client that has gone.
func (x *exchange) left() {
	x.gone = true
	policy := x.r.Header.Get(headerDisconnect)
	if x.server.stopping() || policy == "continue" || policy == "" && x.r.Header.Get(headerKey) != "" {
		return
	}
	x.server.cancel(x.r.Context(), x.query)
}

// fail ends the answer with an error. It is returned where nothing has been sent yet.
func (x *exchange) fail(f *Fault) *Fault {
	if x.r.Context().Err() != nil {
		x.left()
		return nil
	}
	x.failed = f
	if x.events == nil {
		return f
	}
	if x.events.Data(f.json()) == nil {
		_ = x.events.Done() // a client that has gone does not matter
	}
	return nil
}

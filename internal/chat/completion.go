package chat

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// exchange is a request and the state of its answer.
type exchange struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	who     asker
	asked   *request
	out     format
	to      target
	found   string // the kind of the target, once it is known to exist
	query   *v1alpha1.Query
	answer  answer
	created int64
	// again is true if an earlier request with the same key created the Query.
	again bool
	// reading is true if the client only reads the stream of another request's Query.
	reading bool
	// events is nil until the stream has begun.
	events *sse.Writer
	began  time.Time
	// first is when the first part of the answer was sent, and parts is the number of parts sent.
	first  time.Time
	parts  int
	failed *Fault
	gone   bool // the client has disconnected
}

// format writes an answer as a completion or as a response.
type format interface {
	// read parses the body of a request.
	read(x *exchange, who asker, body []byte) (*request, *Fault)
	// made is called once the Query exists. It returns over if it has answered the request.
	made(x *exchange) (over bool, fault *Fault)
	// start sends the events that begin a stream.
	start(x *exchange) error
	// part sends a part of the answer.
	part(x *exchange, p part) error
	// last sends the end of a stream whose Query is done.
	last(x *exchange) error
	// whole sends the answer without a stream.
	whole(x *exchange)
	// fault ends a stream with an error.
	fault(x *exchange, f *Fault) error
}

// answerAs answers a request in a format. It returns a fault only if nothing has been sent yet.
func (s *Server) answerAs(out format, w http.ResponseWriter, r *http.Request, who asker) (fault *Fault) {
	x := &exchange{server: s, w: w, r: r, who: who, out: out, began: time.Now(), created: time.Now().Unix()}
	defer func() { s.options.Observer.Ended(x.found, outcome(cmp.Or(fault, x.failed), x.gone)) }()
	body, fault := readBody(r, s.options.MaxBody)
	if fault != nil {
		return fault
	}
	if x.asked, fault = out.read(x, who, body); fault != nil {
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
	if fault = s.full(); fault != nil {
		return fault
	}
	if fault = x.admit(); fault != nil {
		return fault
	}
	if x.query, fault = newQuery(x.asked, x.to, input); fault != nil {
		return fault
	}
	if parent := s.options.Trace(r.Context()); parent != "" {
		x.query.Annotations[AnnotationTrace] = parent
	}
	key := r.Header.Get(headerKey)
	if key != "" {
		idempotent(x.query, who.user.GetName(), key, body)
	}
	if fault = x.make(key); fault != nil {
		return fault
	}
	defer x.charge()
	w.Header().Set("X-Should-Retry", "false") // a retry would create a second Query
	w.Header().Set(headerQuery, x.query.Namespace+"/"+x.query.Name)
	if over, fault := out.made(x); over || fault != nil {
		return fault
	}
	return x.follow()
}

// readBody reads a request's body, which has to be JSON of at most the given number of bytes.
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

// wantsAll reports whether the client wants the text of all speakers.
func (x *exchange) wantsAll() bool {
	return x.r.URL.Query().Get("ark_stream") == "all" || x.asked.metadata[metadataStream] == "all"
}

func stopped() *Fault {
	f := serverFault(http.StatusServiceUnavailable, codeStopping, stream.ErrClosed.Error())
	f.RetryAfter = 1
	return f
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
		x.out.whole(x)
		return nil
	}
	_ = x.last() // the client may be gone
	return nil
}

// failure returns the reason why a Query has failed.
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

// left cancels or keeps the Query of a client that has disconnected, as the request asks.
func (x *exchange) left() {
	x.gone = true
	policy := x.r.Header.Get(headerDisconnect)
	if x.reading || x.server.stopping() || policy == "continue" || policy == "" && (x.r.Header.Get(headerKey) != "" || x.asked.background) {
		return
	}
	x.server.cancel(x.r.Context(), x.query)
}

// fail ends the answer with an error. It returns the error if nothing has been sent yet.
func (x *exchange) fail(f *Fault) *Fault {
	if x.r.Context().Err() != nil {
		x.left()
		return nil
	}
	x.failed = f
	if x.events == nil {
		return f
	}
	if x.out.fault(x, f) == nil {
		_ = x.events.Done() // the client may be gone
	}
	return nil
}

package filters

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
	"k8s.io/apiserver/pkg/server/httplog"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/mckinsey/ark-server/internal/clientfault"
)

// The failures that are logged in a second, and at once. When the database is away every
// request fails, and the log must not fill the disk with that.
const (
	failuresPerSecond = 5
	failuresAtOnce    = 25
)

// withFailureLog logs every request that fails for a reason of the server's (5xx), with
// what it takes to find it elsewhere: the audit id, which kube-apiserver's audit log
// and the store's log have too, and the trace id. It goes around the whole chain, so it sees
// what any part of that answers.
//
// A request whose time is over is answered 504 with a Status, whichever part of the chain is
// first to notice.
func withFailureLog(next http.Handler, limits deadlines, log func(message string, keysAndValues ...any)) http.Handler {
	limit := flowcontrol.NewTokenBucketPassiveRateLimiter(failuresPerSecond, failuresAtOnce)
	var left atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Handlers that are still at work after a timeout may change the headers.
		begin, agent := time.Now(), r.UserAgent()
		answer := &answerStatus{ResponseWriter: w, left: func() time.Duration { return limits.left(r, begin) }}
		if s, ok := r.Context().Value(senderKey{}).(*sender); ok {
			s.gets(answer)
		}
		answer.serve(next, r)
		if answer.status < http.StatusInternalServerError || isProbe(r.URL.Path) {
			return
		}
		if fault := clientsFault(r, answer); fault != "" {
			clientfault.Count(fault)
			return
		}
		if !limit.TryAccept() {
			left.Add(1)
			return
		}
		fields := []any{
			"verb", r.Method, "path", r.URL.Path, "resp", answer.status, "latency", time.Since(begin).String(),
			"audit-ID", answer.auditID, "srcIP", r.RemoteAddr, "userAgent", agent,
		}
		if s, ok := r.Context().Value(senderKey{}).(*sender); ok {
			user, traceID := s.known()
			if user != nil {
				fields = append(fields, "user", user.GetName())
			}
			if traceID != "" {
				fields = append(fields, "traceID", traceID)
			}
		}
		if n := left.Swap(0); n > 0 {
			fields = append(fields, "failuresNotLogged", n)
		}
		log("Request failed", fields...)
	})
}

// clientsFault returns what the client did that made its request fail with 5xx, or "".
func clientsFault(r *http.Request, answer *answerStatus) clientfault.Reason {
	switch {
	case errors.Is(r.Context().Err(), context.Canceled):
		return clientfault.Disconnected
	case answer.futureRevision:
		return clientfault.FutureRevision
	}
	return ""
}

// isProbe says that a path is asked over and over, and its answer is not a failure of
// a request.
func isProbe(path string) bool {
	for _, p := range []string{"/readyz", "/livez", "/healthz"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// answerStatus remembers the status of an answer, and the audit id of a failure.
type answerStatus struct {
	http.ResponseWriter
	status  int
	auditID string
	// begun reports whether part of the response has been sent.
	begun atomic.Bool
	// left is what remains of the request's time. An answer that begins after it is late, and
	// is dropped for another one. One that begins shortly before is held until it is whole, because
	// the timeout filter breaks off what it finds begun.
	left func() time.Duration
	late bool
	hold bool
	held []byte
	// futureRevision reports whether the client asked for a resourceVersion that does not exist yet.
	futureRevision bool
}

const (
	// nearlyOver is how near its end an answer is held, and maxHeld how much of it.
	nearlyOver = 250 * time.Millisecond
	maxHeld    = 64 << 10
)

// serve has the request handled, and answers it if its time was over before something was sent.
func (a *answerStatus) serve(next http.Handler, r *http.Request) {
	defer func() {
		if !a.late && !a.hold {
			return
		}
		fault := recover()
		switch {
		case fault != nil && fault != http.ErrAbortHandler: //nolint:errorlint // net/http compares so
			panic(fault)
		case fault != nil || a.late: // nothing has been sent that could be broken off
			a.status = http.StatusGatewayTimeout
			sendTimeout(a.ResponseWriter, r)
		default:
			_ = a.release() // a client that has gone does not matter
		}
	}()
	next.ServeHTTP(responsewriter.WrapForHTTP1Or2(a), r)
}

func (a *answerStatus) WriteHeader(status int) {
	if a.status == 0 {
		switch left := a.left(); {
		case left <= 0:
			a.late, status = true, http.StatusGatewayTimeout
		case left < nearlyOver:
			a.hold = true
		}
		a.status = status
		if status >= http.StatusInternalServerError {
			a.auditID = a.Header().Get(auditinternal.HeaderAuditID)
		}
	}
	if a.late || a.hold {
		return
	}
	a.begun.Store(true)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answerStatus) Write(p []byte) (int, error) {
	if a.status == http.StatusGatewayTimeout && bytes.Contains(p, []byte(metav1.CauseTypeResourceVersionTooLarge)) {
		a.futureRevision = true
	}
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.late {
		return len(p), nil
	}
	if a.hold {
		a.held = append(a.held, p...)
		if len(a.held) <= maxHeld {
			return len(p), nil
		}
		return len(p), a.release()
	}
	return a.ResponseWriter.Write(p)
}

// release sends what was held.
func (a *answerStatus) release() error {
	a.hold = false
	a.begun.Store(true)
	a.ResponseWriter.WriteHeader(a.status)
	_, err := a.ResponseWriter.Write(a.held)
	a.held = nil
	return err
}

// Unwrap is for responsewriter and http.ResponseController.
func (a *answerStatus) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// withTraceID notes the trace that a request belongs to, for the log. It goes inside the
// chain, where tracing has begun.
func withTraceID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if span := trace.SpanContextFromContext(ctx); span.IsValid() {
			id := span.TraceID().String()
			httplog.AddKeyValue(ctx, "traceID", id)
			if s, ok := ctx.Value(senderKey{}).(*sender); ok {
				s.traced(id)
			}
		}
		next.ServeHTTP(w, r)
	})
}

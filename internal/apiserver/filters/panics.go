package filters

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apiserver/findings"
)

// The panics that are logged in a second, and at once: a client that has found one can
// repeat it as fast as it likes.
const (
	panicsPerSecond = 0.2
	panicsAtOnce    = 5
	// maxPanicText bounds what a log line quotes of a panic, and maxPanicFrames its stack.
	maxPanicText   = 300
	maxPanicFrames = 8
)

// withPanics answers a request whose handler panics with a Status of code 500, and logs
// one line. The stock filter breaks off the stream and logs two stacks of 50 KB.
func withPanics(next http.Handler, serializer runtime.NegotiatedSerializer, found *findings.Findings) http.Handler {
	limit := flowcontrol.NewTokenBucketPassiveRateLimiter(panicsPerSecond, panicsAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares so
				panic(fault)
			}
			unlogged, logged := found.NotePanic(limit.TryAccept())
			if logged {
				text, frames := describePanic(fault, debug.Stack())
				klog.ErrorS(nil, "A request's handler panicked: please report this", "panic", text, "frames", frames, "verb", r.Method,
					"path", shortened(r.URL.Path, maxPanicText), "audit-ID", audit.GetAuditIDTruncated(r.Context()), "panicsNotLogged", unlogged)
			}
			if s, ok := r.Context().Value(senderKey{}).(*sender); ok && s.answered() {
				panic(http.ErrAbortHandler) // the client must see that the answer is not whole
			}
			err := apierrors.NewInternalError(fmt.Errorf("the server met a fault of its own with this request; its log has the audit id %s", audit.GetAuditIDTruncated(r.Context())))
			responsewriters.ErrorNegotiated(err, serializer, schema.GroupVersion{}, w, r)
		}()
		next.ServeHTTP(w, r)
	})
}

// describePanic returns what a panic says, and the functions that it went through, the
// innermost first. Handlers that run in a goroutine of their own add the stack of that to
// what the panic said.
func describePanic(fault any, stack []byte) (text, frames string) {
	text, own, _ := strings.Cut(fmt.Sprint(fault), "\n")
	if strings.Contains(own, "goroutine ") {
		stack = []byte(own)
	}
	var names []string
	raised := false
	for line := range strings.Lines(string(stack)) {
		switch name, _, isCall := strings.Cut(strings.TrimSpace(line), "("); {
		case strings.HasPrefix(line, "panic("):
			raised, names = true, nil
		case raised && isCall && !strings.HasPrefix(line, "\t") && len(names) < maxPanicFrames:
			if receiver, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), name), ")."); ok {
				method, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), name+receiver+")."), "(")
				name += receiver + ")." + method
			}
			names = append(names, name[strings.LastIndex(name, "/")+1:])
		}
	}
	return shortened(text, maxPanicText), strings.Join(names, " < ")
}

func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "..."
}

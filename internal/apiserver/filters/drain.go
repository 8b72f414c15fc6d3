package filters

import (
	"io"
	"net/http"
	"time"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/stack"
)

const (
	// maxDrain and drainTime bound how much is read for nothing, and how long.
	maxDrain  = 64 << 20
	drainTime = 5 * time.Second
)

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// withDrain reads request bodies to their end that are announced to be over the
// limit, after a handler has refused them unread. Over HTTP/2 many clients lose
// the answer if the server hangs up on their upload, and show a broken connection
// in place of 413.
func withDrain(limit int64, off hooks.Off, next http.Handler) http.Handler {
	grow := !off.Has(hooks.Stacks)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if grow {
			stack.GrowForHandlers()
		}
		if r.ContentLength <= limit {
			next.ServeHTTP(w, r)
			return
		}
		body := r.Body
		// Handlers refuse what is longer than the limit once they have read so much. They get it at
		// once: a slow client would take as long as it likes to be refused.
		r.Body = io.NopCloser(zeros{})
		next.ServeHTTP(w, r)
		if http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime)) == nil {
			_, _ = io.CopyN(io.Discard, body, maxDrain) // the request is over either way
		}
	})
}

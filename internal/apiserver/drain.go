package apiserver

import (
	"io"
	"net/http"
	"time"
)

const (
	// maxDrain and drainTime bound how much is read for nothing, and how long.
	maxDrain  = 64 << 20
	drainTime = 5 * time.Second
)

// withDrain reads request bodies to their end that are announced to be over the
// limit, after a handler has refused them unread. Over HTTP/2 many clients lose
// the answer if the server hangs up on their upload, and show a broken connection
// in place of 413.
func withDrain(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		growHandlerStack()
		if r.ContentLength <= limit {
			next.ServeHTTP(w, r)
			return
		}
		body := r.Body
		r.Body = io.NopCloser(body) // handlers close it, which would end the upload
		next.ServeHTTP(w, r)
		if http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime)) == nil {
			_, _ = io.CopyN(io.Discard, body, maxDrain) // the request is over either way
		}
	})
}

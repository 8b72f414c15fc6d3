package provider

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

// Retry is a retry policy. The zero value is the one for production.
type Retry struct {
	// Attempts is the most times that a request is made; 0 for 4.
	Attempts int
	// First is the pause after the first attempt, which doubles; 0 for half a second.
	First time.Duration
	// Note is called before a request is retried; nil for none.
	Note func()
}

const (
	defaultAttempts = 4
	defaultFirst    = 500 * time.Millisecond
	maxPause        = 8 * time.Second
	// maxRetryAfter is the longest wait that a server may request; a longer one is an error at once.
	maxRetryAfter = time.Minute
)

// retryable is an error with whether a retry is useful, and after what time.
type retryable struct {
	error
	after time.Duration
	worth bool
}

func (e *retryable) Unwrap() error { return e.error }

// after waits until a failed request can be retried, and returns false if it should not be.
func (r Retry) after(ctx context.Context, attempt int, err error) bool {
	attempts, pause := r.Attempts, r.First
	if attempts == 0 {
		attempts = defaultAttempts
	}
	if pause == 0 {
		pause = defaultFirst
	}
	if attempt >= attempts || ctx.Err() != nil {
		return false
	}
	pause = min(pause<<(attempt-1), maxPause)
	pause = pause/2 + rand.N(pause/2+1) // jitter, so that clients do not retry at the same time
	var status *retryable
	var connection *connectionError
	var refused *outbound.RefusedError
	switch {
	case errors.As(err, &status):
		if !status.worth || status.after > maxRetryAfter {
			return false
		}
		pause = max(pause, status.after)
	case errors.As(err, &refused), !errors.As(err, &connection):
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false // the reason is more useful than a timeout
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		if r.Note != nil {
			r.Note()
		}
		return true
	case <-ctx.Done():
		return false
	}
}

// worthRetry reports whether a request with such a status may succeed later.
func worthRetry(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

// retryAfter returns how long a server asks the client to wait (RFC 9110, 10.2.3), or 0.
func retryAfter(header http.Header) time.Duration {
	if milliseconds, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil && milliseconds > 0 {
		return time.Duration(min(milliseconds, 1e9)) * time.Millisecond
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1e6) * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

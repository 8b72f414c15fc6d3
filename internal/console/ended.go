package console

import (
	"context"
	"sync"
	"time"
)

// Ended stores sessions that were signed out before their expiry. It is safe for concurrent use.
type Ended interface {
	// End marks a session as ended; until is when it would have expired.
	End(ctx context.Context, session string, until time.Time) error
	// Ended reports whether a session was marked as ended.
	Ended(ctx context.Context, session string) (bool, error)
}

// EndedHere stores them only in this process.
type EndedHere struct {
	now   func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
}

// NewEndedHere returns an empty store.
func NewEndedHere(now func() time.Time) *EndedHere {
	return &EndedHere{now: now, until: map[string]time.Time{}}
}

// End implements Ended.
func (e *EndedHere) End(_ context.Context, session string, until time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	for other, until := range e.until {
		if until.Before(now) {
			delete(e.until, other)
		}
	}
	e.until[session] = until
	return nil
}

// Ended implements Ended.
func (e *EndedHere) Ended(_ context.Context, session string) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ended := e.until[session]
	return ended, nil
}

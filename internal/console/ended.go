package console

import (
	"context"
	"sync"
	"time"
)

// Ended remembers sessions that were signed out before their time. It is safe for concurrent use.
type Ended interface {
	// End says that a session has ended, which would otherwise do so at a time.
	End(ctx context.Context, session string, until time.Time) error
	// Ended reports whether a session has ended so.
	Ended(ctx context.Context, session string) (bool, error)
}

// EndedHere remembers them in this process alone.
type EndedHere struct {
	now   func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
}

// NewEndedHere returns an empty memory.
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

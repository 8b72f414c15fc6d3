package server

import (
	"context"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/console"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// endedTable has one row for each session that was signed out, with the session as its key.
	endedTable = "console_ended"
	// endedAge is how long rows are kept: the lifetime of a session, plus the difference between
	// clocks.
	endedAge = 13 * time.Hour
	// notEnded is how long a replica caches that no other replica has signed a session out.
	notEnded = 10 * time.Second
	// endedStep is how many old rows a sign-out deletes at most, and maxAsked bounds the cached
	// sessions.
	endedStep = 100
	maxAsked  = 10_000
)

// endedSessions are the sessions that were signed out on any replica. It implements console.Ended.
type endedSessions struct {
	here *console.EndedHere
	side mvcc.SideTables
	now  func() time.Time

	mu    sync.Mutex
	asked map[string]time.Time // when a session was last found not to have ended
}

// newEndedSessions returns the ended sessions of a database; without side tables each process has
// its own.
func newEndedSessions(side mvcc.SideTables, now func() time.Time) console.Ended {
	here := console.NewEndedHere(now)
	if side == nil {
		return here
	}
	return &endedSessions{here: here, side: side, now: now, asked: map[string]time.Time{}}
}

// End implements console.Ended.
func (e *endedSessions) End(ctx context.Context, session string, until time.Time) error {
	if err := e.here.End(ctx, session, until); err != nil {
		return err
	}
	if _, err := e.side.Append(ctx, mvcc.SideRow{Table: endedTable, Key: []byte(session), Time: e.now()}); err != nil {
		return err
	}
	_, _, err := e.side.Delete(ctx, mvcc.SidePrefix(endedTable, nil), e.now().Add(-endedAge), endedStep)
	return err
}

// Ended implements console.Ended.
func (e *endedSessions) Ended(ctx context.Context, session string) (bool, error) {
	if ended, err := e.here.Ended(ctx, session); ended || err != nil {
		return ended, err
	}
	now := e.now()
	e.mu.Lock()
	at, known := e.asked[session]
	e.mu.Unlock()
	if known && now.Sub(at) < notEnded {
		return false, nil
	}
	rows, err := e.side.Count(ctx, mvcc.SideKey(endedTable, []byte(session)))
	if err != nil || rows > 0 {
		return rows > 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.asked) >= maxAsked {
		clear(e.asked)
	}
	e.asked[session] = now
	return false, nil
}

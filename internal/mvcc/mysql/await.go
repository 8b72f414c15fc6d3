package mysql

import (
	"context"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// MySQL tells nobody of commits, so the counter is looked at: often while other
// replicas write, seldom when they do not.
const (
	pollBusy = 5 * time.Millisecond
	pollIdle = 50 * time.Millisecond
	// busyFor is how long others count as writing after they have.
	busyFor = time.Second
	// awaitMost is how long Await lasts when nothing happens.
	awaitMost = time.Second
)

// sight is what the engine knows of the counter: enough to tell another replica's
// commits from its own.
type sight struct {
	mu       sync.Mutex
	last     mvcc.Position // seen by Await
	expected mvcc.Position // where our newest batch leaves it
	wrote    time.Time     // when others were last seen to have written
}

// expect says that a batch of our own is on its way.
func (s *sight) expect(p mvcc.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = p
}

// others says that another replica has written.
func (s *sight) others() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote = time.Now()
}

// look takes note of the counter and says whether another replica may have moved it.
func (s *sight) look(p mvcc.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := p != s.last && p != s.expected
	s.last = p
	if news {
		s.wrote = time.Now()
	}
	return news
}

func (s *sight) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.wrote) < busyFor {
		return pollBusy
	}
	return pollIdle
}

// Await implements mvcc.Shared.
func (e *Engine) Await(ctx context.Context) {
	deadline := time.Now().Add(awaitMost)
	for {
		select {
		case <-time.After(e.seen.pause()):
		case <-ctx.Done():
			return
		}
		at, err := e.poll(ctx)
		if err != nil || e.seen.look(at) || time.Now().After(deadline) {
			return // whoever reads next is told of an error
		}
	}
}

func (e *Engine) poll(ctx context.Context) (at mvcc.Position, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	err = e.looks.QueryRowContext(ctx, pollQuery).Scan(positionColumns(&at).Into()...)
	return at, err
}

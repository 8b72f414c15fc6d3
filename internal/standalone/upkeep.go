package standalone

import (
	"context"
	"sync"
	"time"
)

// giveBackWithin bounds how long a server that stops waits for its controllers to end and to give
// their lease back. Once it stops it refuses its own clients.
const giveBackWithin = 2 * time.Second

// upkeepEnd ends the controllers ahead of their server. Its zero value does not wait for them.
type upkeepEnd struct {
	patience time.Duration

	mu    sync.Mutex
	over  bool
	stop  context.CancelFunc // nil before they begin
	ended chan struct{}
}

// begin returns the context of the controllers, and what they call when they have ended.
func (u *upkeepEnd) begin(ctx context.Context) (context.Context, func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	u.stop, u.ended = stop, make(chan struct{})
	if u.over {
		stop()
	}
	ended := u.ended
	return ctx, func() { stop(); close(ended) }
}

// end ends the controllers, if there are any, and waits for them for a while.
func (u *upkeepEnd) end() {
	u.mu.Lock()
	u.over = true
	stop, ended := u.stop, u.ended
	u.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	if u.patience == 0 {
		return
	}
	timeout := time.NewTimer(u.patience)
	defer timeout.Stop()
	select {
	case <-ended:
	case <-timeout.C:
	}
}

package mvcc

import (
	"errors"
	"fmt"
	"time"
)

// TurnIdle is how long the server of a Shared engine's database lets a session that holds the
// counter say nothing, before it ends the session and so frees the counter of a replica that is
// frozen or cut off. A replica that lives says something every turnPulse.
const (
	TurnIdle  = time.Second
	turnPulse = 300 * time.Millisecond
)

// ErrTurnLost is KeepTurn's answer when the session ended while decide ran. Nothing has been
// written.
var ErrTurnLost = errors.New("the turn with the revision counter was lost")

// KeepTurn calls decide, and say every turnPulse meanwhile, so that the server does not end the
// session of a turn: what every Shared.InTurn does. say sends the server something on that session
// and waits for its answer; it is called from one goroutine at a time, and not after KeepTurn has
// returned. An error of decide is returned as it is.
func KeepTurn(say func() error, decide func() (*Batch, error)) (*Batch, error) {
	over, ended := make(chan struct{}), make(chan error, 1)
	last := time.Now()
	spoke := func() error {
		last = time.Now()
		return say()
	}
	go func() {
		ticker := time.NewTicker(turnPulse)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				ended <- nil
				return
			case <-ticker.C:
				select {
				case <-over: // the batch need not wait for another answer
					ended <- nil
					return
				default:
				}
				if err := spoke(); err != nil {
					ended <- err
					return
				}
			}
		}
	}()
	b, err := decide()
	close(over)
	lost := <-ended
	if err != nil {
		return b, err
	}
	if lost == nil && time.Since(last) > 2*turnPulse {
		lost = spoke() // after a pause of this process
	}
	if lost != nil {
		return nil, fmt.Errorf("%w: %w", ErrTurnLost, lost)
	}
	return b, nil
}

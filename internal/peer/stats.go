package peer

import (
	"context"
	"errors"
	"sync/atomic"
)

// Kinds are the kinds of calls, and Results what became of them, in the order of Stats.Calls.
var (
	Kinds   = [...]string{"call", "stream"}
	Results = [...]string{"ok", "refused", "gone", "canceled", "failed"}
)

const (
	kindCall = iota
	kindStream
)

const (
	resultOK       = iota
	resultRefused  // by the member's handler
	resultGone     // the member was none any more, or this replica
	resultCanceled // by the caller
	resultFailed
)

// Stats are numbers since the start.
type Stats struct {
	// Member says whether this replica takes part, Others how many others do.
	Member bool
	Others int
	// Calls counts those of this replica that have ended.
	Calls [len(Kinds)][len(Results)]int64
}

type counters [len(Kinds)][len(Results)]atomic.Int64

// Stats returns the present numbers.
func (g *Group) Stats() Stats {
	_, member := g.Self()
	st := Stats{Member: member, Others: len(g.Others())}
	for k := range g.counters {
		for r := range g.counters[k] {
			st.Calls[k][r] = g.counters[k][r].Load()
		}
	}
	return st
}

// count counts a call that has ended with err.
func (g *Group) count(kind int, err error) {
	result := resultFailed
	var remote *RemoteError
	switch {
	case err == nil:
		result = resultOK
	case errors.As(err, &remote), errors.Is(err, ErrUnknownMethod), errors.Is(err, ErrTooLarge):
		result = resultRefused
	case errors.Is(err, ErrGone), errors.Is(err, ErrClosed):
		result = resultGone
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		result = resultCanceled
	}
	g.counters[kind][result].Add(1)
}

package server

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// sweepEvery is the interval at which streams of Queries that were deleted or have ended are
	// looked for, and sweepMost how many are checked at a time.
	sweepEvery = 15 * time.Second
	sweepMost  = 1000
	// forgetEvery is how often old requests are deleted.
	forgetEvery = 6 * time.Hour
)

// sweep removes unneeded streams and requests until the context ends.
func (t *talk) sweep(ctx context.Context) {
	streams, requests := time.NewTicker(sweepEvery), time.NewTicker(forgetEvery)
	defer streams.Stop()
	defer requests.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-streams.C:
			t.sweepStreams(ctx)
		case <-requests.C:
			if t.requests == nil {
				continue
			}
			if err := errors.Join(t.requests.Sweep(ctx), t.answers.Sweep(ctx), t.limits.Sweep(ctx), t.events.Sweep(ctx)); err != nil && ctx.Err() == nil {
				slog.Warn("old requests of chats cannot be deleted; trying again later", "err", err)
			}
		}
	}
}

func (t *talk) sweepStreams(ctx context.Context) {
	idle := t.broker.Sweep(sweepEvery)
	for _, s := range idle[:min(len(idle), sweepMost)] {
		uid, ended, err := (queries{t.system}).Find(ctx, s.Namespace, s.Query)
		switch {
		case err != nil: // it is tried again at the next sweep
		case s.UID != "" && uid != s.UID:
			t.broker.Remove(s.Key)
		case ended && !s.Ended && !s.Writing:
			t.broker.End(s.Key)
		}
	}
}

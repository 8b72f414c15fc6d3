package history

import (
	"context"
	"time"
)

// passEvery is the interval of retention passes; the first one is after firstPass, so that the
// start has finished.
const (
	passEvery = time.Hour
	firstPass = 5 * time.Minute
)

// Keep applies a policy periodically, if this replica is the one that archives, until the archive
// is closed. Call it once, before Close.
func (a *Archive) Keep(policy func(context.Context) (Policy, error)) {
	a.passes.Go(func() {
		for next := firstPass; wait(a.running, next) == nil; next = passEvery {
			if !a.store.Maintains() {
				continue
			}
			p, err := policy(a.running)
			var report Report
			if err == nil {
				report, err = a.Retain(a.running, p, time.Now(), false)
			}
			removed := 0
			for _, n := range report.Removed {
				removed += n
			}
			a.stats.removed.Add(int64(removed))
			if a.running.Err() != nil {
				return
			}
			if err != nil {
				a.stats.failures.Add(1)
				a.log.Warn("old versions of objects were not removed; the next pass tries again", "error", err)
				continue
			}
			a.log.Info("old versions of objects were removed", "objects", report.Objects, "versions", report.Versions, "removed", removed)
		}
	})
}

// announceEvery is how often the head of the hash chain is published.
const announceEvery = time.Minute

// Announce passes the head of the hash chain to tell every minute, if this replica archives, and at
// the end. Call it once, before Close.
func (a *Archive) Announce(tell func(Head)) { a.announce(announceEvery, tell) }

func (a *Archive) announce(every time.Duration, tell func(Head)) {
	if !a.chains {
		return
	}
	a.passes.Go(func() {
		for more := true; more; {
			more = wait(a.running, every) == nil
			if p := a.known.Load(); p.Chain.Links > 0 && a.store.Maintains() {
				tell(p.Chain.head())
			}
		}
	})
}

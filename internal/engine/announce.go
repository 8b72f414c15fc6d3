package engine

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// queueCheck is the longest interval between two checks for Queries that have waited past their
// deadline.
const queueCheck = time.Second

// announce writes into the status of Queries that they are queued, and ends those that have waited
// past their deadline.
func (e *Engine) announce(ctx context.Context) {
	e.ended.Go(func() { e.endOverdue(ctx) })
	for {
		q, ok := e.queue.announcement()
		if !ok {
			return
		}
		phase := phaseOf(q)
		err := e.writeStatus(ctx, &q, e.stillOurs, func(next *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
			if phase != phaseOf(next) {
				return errForeign
			}
			setPhase(next, s, v1alpha1.QueryQueued, reasonNotStarted, "The query waits for its turn")
			return nil
		})
		if err == nil {
			e.queue.add(q)
		} else if ctx.Err() == nil {
			klog.FromContext(ctx).V(4).Info("A query does not say that it waits", "query", q.Namespace+"/"+q.Name, "err", err)
		}
	}
}

func (e *Engine) endOverdue(ctx context.Context) {
	for {
		late, next := e.queue.overdue(time.Now())
		for _, q := range late {
			e.ended.Go(func() { e.execute(ctx, q) })
		}
		wait := queueCheck
		if !next.IsZero() {
			wait = min(wait, max(time.Until(next), 10*time.Millisecond))
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// finalizer is the finalizer that Ark's controller sets on Queries. The engine sets it on those
// whose messages are kept.
const finalizer = "ark.mckinsey.com/finalizer"

// remove removes the finalizer of a Query that is being deleted.
func (e *Engine) remove(ctx context.Context, q *v1alpha1.Query) {
	if !slices.Contains(q.Finalizers, finalizer) {
		return
	}
	e.mu.Lock()
	busy := e.removing[q.UID]
	e.removing[q.UID] = true
	e.mu.Unlock()
	if busy {
		return
	}
	e.ended.Go(func() {
		defer func() {
			e.mu.Lock()
			delete(e.removing, q.UID)
			e.mu.Unlock()
		}()
		e.forgetMessages(ctx, q)
		if ctx.Err() != nil {
			return
		}
		whatever := func(_, _ *v1alpha1.Query) error { return nil }
		err := e.write(ctx, &q, false, whatever, func(next *v1alpha1.Query) error {
			next.Finalizers = slices.DeleteFunc(next.Finalizers, func(name string) bool { return name == finalizer })
			return nil
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, errDeleted) {
			log(q).Error(err, "Failed to take the finalizer off a query that is being deleted")
		}
	})
}

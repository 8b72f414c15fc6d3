package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// ErrNotExecutor is the error of an API in which another user, or no user, executes Queries: it
// does not store claims of the engine's user.
var ErrNotExecutor = errors.New("the API does not store who executes a query: its executor is another user")

// claiming configures how a Query is claimed.
type claiming struct {
	// kept is true if a memory keeps the Query's messages; again is true if the Query is already
	// running.
	kept, again bool
	// concurrent makes begin write the claim concurrently with the call to the model. It is only for
	// an engine that does not share its database, and for a Query that has not begun: if the process
	// ends before the claim is stored, the Query runs again, as a running one does.
	concurrent bool
}

// begin claims a Query. settle returns once the claim is stored, or returns why it is not. Call
// settle from one goroutine at a time, before any side effect that must not be repeated and before
// any write. After settle, q is the stored Query. Without concurrent, it is stored when begin
// returns.
func (e *Engine) begin(ctx context.Context, r *run, q **v1alpha1.Query, read *objects.Recorder, how claiming) (settle func() error, err error) {
	versions, err := json.Marshal(read.Versions())
	if err != nil {
		return nil, fmt.Errorf("encode the versions: %w", err)
	}
	claim := func(q **v1alpha1.Query) error {
		err := e.claim(ctx, q, versions, how.kept, how.again)
		if err == nil {
			r.claimed.Store(versionOf(*q))
		}
		return err
	}
	if !how.concurrent {
		return func() error { return nil }, claim(q)
	}
	type result struct {
		query *v1alpha1.Query
		err   error
	}
	done := make(chan result, 1)
	known := *q
	go func() { // settle waits for this goroutine
		err := claim(&known)
		switch {
		case err != nil:
			r.stop(err)
		case isCanceled(known):
			r.stop(errCanceled)
		}
		done <- result{known, err}
	}()
	return sync.OnceValue(func() error {
		out := <-done
		*q = out.query
		return out.err
	}), nil
}

// claim writes synchronously which engine runs the Query and with which versions, and that it is
// running. again is true for a Query that is already running. A Query whose messages are kept gets
// a finalizer, so that its messages are deleted first.
func (e *Engine) claim(ctx context.Context, q **v1alpha1.Query, versions []byte, kept, again bool) error {
	if !again && phaseOf(*q) == "" { // created before this engine was in use
		if err := e.writeStatus(ctx, q, e.stillOurs, func(next *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
			setPhase(next, s, v1alpha1.QueryPending, reasonNotStarted, "The query has not been started yet")
			return nil
		}); err != nil {
			return err
		}
	}
	left, resumes := (*q).Annotations[annotationEngine], phaseOf(*q) == v1alpha1.QueryInputRequired
	err := e.writeStatus(ctx, q, stillWaits, func(next *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
		switch {
		case next.DeletionTimestamp != nil:
			return errDeleted
		case again && next.Annotations[annotationEngine] != left:
			return errTaken // another engine has claimed it
		case again:
		case phaseOf(next) == v1alpha1.QueryRunning, resumes && phaseOf(next) != v1alpha1.QueryInputRequired:
			return errTaken
		default:
			setPhase(next, s, v1alpha1.QueryRunning, reasonRunning, "Query is running")
		}
		if next.Annotations == nil {
			next.Annotations = map[string]string{}
		}
		next.Annotations[annotationEngine] = e.options.Identity
		next.Annotations[annotationVersions] = string(versions)
		delete(next.Annotations, annotationEffect)
		if kept && !slices.Contains(next.Finalizers, finalizer) {
			next.Finalizers = append(next.Finalizers, finalizer)
		}
		return nil
	})
	if err == nil && (*q).Annotations[annotationEngine] != e.options.Identity {
		if e.options.Refused != nil {
			e.options.Refused(ErrNotExecutor)
		}
		return ErrNotExecutor
	}
	return err
}

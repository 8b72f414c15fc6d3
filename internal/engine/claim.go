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

// ErrNotExecutor is the error of an API for which somebody else executes Queries, or nobody: it
// does not store claims of the engine's user.
var ErrNotExecutor = errors.New("the API does not store who executes a query: its executor is another user")

// claiming says how a Query is claimed.
type claiming struct {
	// kept says that a memory keeps its messages, and again that it is running already.
	kept, again bool
	// beside has the claim written while the model is asked. It is for an engine that is alone, and
	// for a Query that has not begun: if the process ends before the claim is stored, the Query is
	// asked again, as one that was running is.
	beside bool
}

// begin claims a Query. settle returns once the claim is stored, or says why it is not; it is to be
// called, from one goroutine at a time, before anything is done that must not be done twice, and
// before anything is written. The Query is the stored one after that. Without beside it is so at
// once.
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
	if !how.beside {
		return func() error { return nil }, claim(q)
	}
	type result struct {
		query *v1alpha1.Query
		err   error
	}
	done := make(chan result, 1)
	known := *q
	go func() { // settle waits for it
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

// claim writes, at once, who runs the Query and with what, and that it is running. again is one
// that is running already. One whose messages are kept is not deleted before they are.
func (e *Engine) claim(ctx context.Context, q **v1alpha1.Query, versions []byte, kept, again bool) error {
	if !again && phaseOf(*q) == "" { // it is from a time without this engine
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
			return errTaken // another process has taken it up
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

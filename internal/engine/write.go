package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Reasons why a run stops before it has ended.
var (
	errCanceled = errors.New("the query was canceled")
	errDeleted  = errors.New("the query was deleted")
	errForeign  = errors.New("somebody else has written the query's status")
	errTaken    = errors.New("another process runs the query")
	errStopping = errors.New("the server is stopping")
	errOver     = errors.New("the query has ended")
	errStored   = errors.New("the write had been stored")
	// ErrPaused is the end of a run that waits for the approval of a person.
	ErrPaused = errors.New("the query waits for the approval of a person")
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// check returns an error if this engine may no longer write a Query that another client has
// changed.
type check func(fresh, known *v1alpha1.Query) error

// stillOurs allows changes to everything except the status and the engine that runs the Query.
func (e *Engine) stillOurs(fresh, known *v1alpha1.Query) error {
	switch {
	case !apiequality.Semantic.DeepEqual(fresh.Status, known.Status):
		return errForeign
	case fresh.Annotations[annotationEngine] != known.Annotations[annotationEngine]:
		return errTaken
	}
	return nil
}

// stillWaits is the check before the claim.
func stillWaits(fresh, _ *v1alpha1.Query) error {
	if terminal(phaseOf(fresh)) {
		return errOver
	}
	return nil
}

// write changes a Query and stores it, with retries until the context ends. change receives a copy
// of the stored Query. Afterwards q is the Query as stored.
func (e *Engine) write(ctx context.Context, q **v1alpha1.Query, subresource bool, still check, change func(*v1alpha1.Query) error) error {
	wait := firstPause
	var unsure *v1alpha1.Query // what a write may have stored whose outcome is unknown
	for {
		next := (*q).DeepCopy()
		if err := change(next); err != nil {
			return err
		}
		put := e.options.Client.Update
		if subresource {
			put = e.options.Client.UpdateStatus
		}
		err := put(ctx, "queries", next)
		switch {
		case err == nil:
			*q = next
			return nil
		case apierrors.IsNotFound(err):
			return errDeleted
		case apierrors.IsConflict(err):
			lost := still
			if unsure != nil {
				lost = func(fresh, known *v1alpha1.Query) error {
					if sameWrite(fresh, unsure) {
						return errStored
					}
					return still(fresh, known)
				}
			}
			switch err := e.refresh(ctx, q, lost); {
			case errors.Is(err, errStored):
				return nil
			case err != nil:
				return err
			}
			unsure = nil
			continue
		case !passing(err):
			return err
		}
		unsure = next
		if !pause(ctx, wait) {
			return errStopping
		}
		wait = min(2*wait, maxPause)
	}
}

// sameWrite reports whether the stored Query is what a write requested.
func sameWrite(stored, asked *v1alpha1.Query) bool {
	return apiequality.Semantic.DeepEqual(stored.Status, asked.Status) &&
		apiequality.Semantic.DeepEqual(stored.Annotations, asked.Annotations) &&
		apiequality.Semantic.DeepEqual(stored.Finalizers, asked.Finalizers)
}

// refresh reads a Query again after a conflict, and checks it.
func (e *Engine) refresh(ctx context.Context, q **v1alpha1.Query, still check) error {
	wait := firstPause
	for {
		fresh := &v1alpha1.Query{}
		err := e.options.Client.Get(ctx, "queries", (*q).Namespace, (*q).Name, fresh)
		switch {
		case apierrors.IsNotFound(err), err == nil && fresh.UID != (*q).UID:
			return errDeleted
		case err == nil:
			known := *q
			*q = fresh
			return still(fresh, known)
		case !passing(err):
			return fmt.Errorf("read the query again: %w", err)
		}
		if !pause(ctx, wait) {
			return errStopping
		}
		wait = min(2*wait, maxPause)
	}
}

// passing reports whether a request may succeed later.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) {
		return true // the context decides
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true // no answer
	}
	code := status.Status().Code
	return code == 429 || code >= 500
}

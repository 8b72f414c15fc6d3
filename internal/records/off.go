package records

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/history"
)

// off is the reader for a server without a history.
type off struct{ why string }

// offError is the error with the reason why there is no history.
type offError struct{ why string }

func (e *offError) Error() string { return e.why }

func (o off) err() error { return &offError{o.why} }

func (o off) List(context.Context, history.Query) (history.Page, error) {
	return history.Page{}, o.err()
}

func (o off) Get(context.Context, history.Ref, int64) (*history.Version, error) { return nil, o.err() }

func (o off) At(context.Context, history.Ref, int64) (*history.Version, error) { return nil, o.err() }

func (o off) AsOf(context.Context, history.Resource, string, int64, int, string) (history.Page, error) {
	return history.Page{}, o.err()
}

func (o off) RevisionAt(context.Context, time.Time) (int64, error) { return 0, o.err() }

func (o off) Deleted(context.Context, history.Query) (history.Page, error) {
	return history.Page{}, o.err()
}

// isNotFound reports whether an error means that the history has no such version.
func isNotFound(err error) bool {
	var missing *history.NotFoundError
	return errors.As(err, &missing)
}

// asStatus converts an error of the history to an error of the API.
func (g *Group) asStatus(err error) error {
	var known apierrors.APIStatus
	var gone *history.GoneError
	var none *offError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, history.ErrContinue):
		return apierrors.NewBadRequest(err.Error())
	case errors.As(err, &gone):
		return apierrors.NewResourceExpired(fmt.Sprintf("the oldest time that can be asked for is %s, of revision %d", gone.Time.UTC().Format(time.RFC3339Nano), gone.Oldest))
	case errors.As(err, &none):
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: none.why,
		}}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return apierrors.NewTimeoutError("the history was not read in time: ask for less", 1)
	}
	return apierrors.NewInternalError(err)
}

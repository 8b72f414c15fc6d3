package storage

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A database that fails is no fault of this server's, which is what the stock
// handlers would make of it (500, with etcd's words). The answer says instead whether it does to
// send the request again. Clients that obey Retry-After, such as client-go, do so by
// themselves, and get over a fail-over of some seconds without an error.

// explainWrite puts the storage's failure of a write into terms of the API.
func explainWrite(err error) error {
	if isTimeout(err) {
		return timedOut(": whether the write took place is not known, read the object before you try again")
	}
	var refused rpctypes.EtcdError
	if errors.As(err, &refused) && refused.Error() == rpctypes.ErrTimeout.Error() {
		return apierrors.NewTimeoutError("the database failed while it committed this write, and whether the write took place is not known: "+
			"read the object before you try again", 0)
	}
	if reason, ok := unavailable(err); ok {
		return tryAgain(reason)
	}
	if reason, ok := unreachable(err); ok {
		return apierrors.NewTimeoutError("etcd cannot be used at the moment, and whether the write took place is not known: read the object before you try again: "+reason, 0)
	}
	return explainNoSpace(err)
}

// explainRead does that for a read, which does no harm a second time.
func explainRead(err error) error {
	if isTimeout(err) {
		return timedOut("")
	}
	if reason, ok := unavailable(err); ok {
		return tryAgain(reason)
	}
	if reason, ok := unreachable(err); ok {
		return tryAgain(reason)
	}
	return err
}

// unavailable returns what our endpoint says of a database that it cannot use, while it certainly
// has written nothing. Other endpoints say so with errors that the client knows, or break the
// connection, and may have written something all the same.
func unavailable(err error) (reason string, ok bool) {
	s, ok := status.FromError(err)
	if err == nil || !ok || s.Code() != codes.Unavailable {
		return "", false
	}
	return strings.CutPrefix(s.Message(), "etcdserver: ")
}

// unreachable returns what has become of a call to an external etcd that was not
// answered; see failFast.
func unreachable(err error) (reason string, ok bool) {
	s, ok := status.FromError(err)
	if err == nil || !ok || s.Code() != codes.Unavailable && s.Code() != codes.Aborted {
		return "", false
	}
	return s.Message(), true
}

func tryAgain(reason string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable,
		Details: &metav1.StatusDetails{RetryAfterSeconds: 1},
		Message: "the database cannot be used at the moment, try again: " + reason,
	}}
}

// timedOut is the error for a request whose time is over, with what else there is to say.
func timedOut(more string) *apierrors.StatusError {
	return apierrors.NewTimeoutError("request did not complete within the allotted timeout"+more, 0)
}

// isTimeout recognises the error of a call to the storage whose context has expired.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	s, ok := status.FromError(err)
	return err != nil && ok && s.Code() == codes.DeadlineExceeded
}

package storage

import (
	"errors"
	"net/http"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noSpace is the storage's refusal of a write because its disk is full. The
// stock handlers would answer 500 with etcd's words.
type noSpace struct {
	rpctypes.EtcdError
}

// Status implements apierrors.APIStatus.
func (noSpace) Status() metav1.Status {
	return metav1.Status{
		Status: metav1.StatusFailure,
		Code:   http.StatusInsufficientStorage,
		Reason: metav1.StatusReasonInternalError,
		Message: "no space left on the disk that holds the database, nothing was written: " +
			"free some space there and try again; reading goes on meanwhile",
	}
}

func explainNoSpace(err error) error {
	var refused rpctypes.EtcdError
	if errors.As(err, &refused) && refused.Error() == rpctypes.ErrNoSpace.Error() {
		return noSpace{refused}
	}
	return err
}

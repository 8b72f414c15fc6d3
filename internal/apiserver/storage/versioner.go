package storage

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
)

// Some faults of a request come back from the stock storage as errors that the
// handlers take for the server's own, and answer with 500. Here they become 400.

// Versioner implements storage.Interface.
func (s sizeAware) Versioner() storage.Versioner { return versioner{s.Interface.Versioner()} }

// versioner knows that a resourceVersion which is no number is the client's.
type versioner struct {
	storage.Versioner
}

// ObjectResourceVersion implements storage.Versioner.
func (v versioner) ObjectResourceVersion(obj runtime.Object) (uint64, error) {
	version, err := v.Versioner.ObjectResourceVersion(obj)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("metadata.resourceVersion is not one that this server has given out: %v", err))
	}
	return version, nil
}

// Watch implements storage.Interface.
func (s sizeAware) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	w, err := s.Interface.Watch(ctx, key, opts)
	var invalid storage.InvalidError
	if errors.As(err, &invalid) {
		return nil, apierrors.NewBadRequest(invalid.Error())
	}
	return w, err
}

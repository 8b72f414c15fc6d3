package rules

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime"
)

// Objects reads the objects that others refer to. Its methods return an error
// for which apierrors.IsNotFound holds if there is none. What they return may
// be shared and must not be changed. They are safe for concurrent use, and are
// called on the path of every write, so they have to be cheap: a read from a
// cache, not a remote call.
type Objects interface {
	KeyedObjects
	// Ark returns an object of this group. The resource is the plural, such as
	// agents; the namespace is empty for cluster-wide kinds.
	Ark(ctx context.Context, resource, namespace, name string) (runtime.Object, error)
}

// KeyedObjects reads the core objects that hold values under keys. The key is the
// one that is wanted: what an implementation remembers may be used if the key is
// there, but does not show that it is missing.
type KeyedObjects interface {
	// Secret returns a Secret's data.
	Secret(ctx context.Context, namespace, name, key string) (map[string][]byte, error)
	// ConfigMap returns a ConfigMap's data.
	ConfigMap(ctx context.Context, namespace, name, key string) (map[string]string, error)
}

// ErrUnreadable is what KeyedObjects return where nothing can read Secrets and
// ConfigMaps: references to them are then not checked.
var ErrUnreadable = errors.New("no source of Secrets and ConfigMaps is set up")

// ErrNotForUser is what KeyedObjects return for an object that the sender of the request may not
// get. Neither its existence nor its content may show then.
var ErrNotForUser = errors.New("the user may not get it")

// ReadError is the failure of a read for a reason that quotes no content.
type ReadError struct {
	Err error
}

func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// Env is what the rules know beside the object.
type Env struct {
	Objects   Objects
	ModelURLs URLPolicy
}
